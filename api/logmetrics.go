package api

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// maxLogSeries bounds the logs that have series of their own; a node holds few logs more than it has peers.
const maxLogSeries = 1024

// logMetrics tells of the logs that the node holds, each time that it is asked. It is safe for concurrent use.
type logMetrics struct {
	api                                              *API
	entries, signed, unsettled, quarantined, missing *prometheus.Desc
	refused, frozen, lag, lagSeconds, failures, logs *prometheus.Desc
	forks                                            *prometheus.Desc
}

func newLogMetrics(a *API) *logMetrics {
	perLog := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"origin"}, nil)
	}
	perPeer := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"peer"}, nil)
	}
	return &logMetrics{
		api:         a,
		entries:     perLog("mir_log_entries", "Entries held of a log, the own one included."),
		signed:      perLog("mir_log_checkpoint_entries", "Entries of the newest checkpoint that is wholly held."),
		unsettled:   perLog("mir_log_unsettled_entries", "Entries held whose records have not been fetched and judged yet."),
		quarantined: perLog("mir_log_quarantined_records", "Records in quarantine: their key cannot be found now."),
		missing:     perLog("mir_log_missing_records", "Records that no peer has handed over so far."),
		refused:     perLog("mir_log_refused_records", "Records that were found to be wrong."),
		frozen:      perLog("mir_log_frozen", "1 for a log that is frozen."),
		lag:         perPeer("mir_peer_lag_entries", "Entries of a peer's newest known head that are not held yet."),
		lagSeconds:  perPeer("mir_peer_lag_seconds", "For how long the mirror of a peer has been behind; 0 while it is not."),
		failures:    perPeer("mir_peer_failures", "Failures to reach a peer since it last answered."),
		logs:        prometheus.NewDesc("mir_logs", "Logs held, the own one included.", nil, nil),
		forks:       prometheus.NewDesc("mir_log_forks", "Logs that were caught showing two histories.", nil, nil),
	}
}

// Describe is a prometheus.Collector's method.
func (m *logMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.entries, m.signed, m.unsettled, m.quarantined, m.missing, m.refused, m.frozen, m.lag, m.lagSeconds, m.failures, m.logs, m.forks} {
		descriptions <- d
	}
}

// Collect is a prometheus.Collector's method.
func (m *logMetrics) Collect(values chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		values <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	heads, _ := m.api.Store.Heads(0, maxLogSeries)
	tell(m.logs, float64(len(heads)))
	tell(m.forks, m.api.forkCount())
	for _, h := range heads {
		tell(m.entries, float64(h.Size), h.Origin)
		tell(m.signed, float64(h.Checkpoint.Size), h.Origin)
		tell(m.quarantined, float64(h.Quarantined), h.Origin)
		tell(m.missing, float64(h.Missing), h.Origin)
		tell(m.refused, float64(h.Refused), h.Origin)
		tell(m.frozen, truth(h.Frozen), h.Origin)
		if !h.Own {
			tell(m.unsettled, float64(h.Size-min(h.Settled, h.Size)), h.Origin)
		}
	}
	for _, p := range m.api.peerList.now() {
		if p.Domain == "" || !p.Admitted {
			continue
		}
		tell(m.lag, float64(p.LagEntries), p.Domain)
		tell(m.lagSeconds, p.LagSeconds, p.Domain)
		tell(m.failures, float64(p.Failures), p.Domain)
	}
}

// forkCount is the number of logs that there is a proof of.
func (a *API) forkCount() float64 {
	forks, err := a.Store.Forks(context.Background())
	if err != nil {
		return 0
	}
	caught := make(map[string]bool)
	for _, f := range forks {
		caught[f.Proof.Origin] = true
	}
	return float64(len(caught))
}
