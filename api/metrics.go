package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what Prometheus reads on the operator's listener. It is safe for concurrent use.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	refused   *prometheus.CounterVec
	verdicts  *prometheus.CounterVec
	kept      *prometheus.CounterVec
	served    prometheus.Counter
	hints     prometheus.Counter
	cosigned  prometheus.Counter
	written   *prometheus.CounterVec
	lookups   lookupMetrics
	series    sync.Map // of seriesKey to series: a look-up without allocation on the hot path
}

// seriesKey names the counters of one kind of answer. Its three fields come from small closed sets, so that a client cannot make series.
type seriesKey struct {
	method, route string
	status        int
}

type series struct {
	count    prometheus.Counter
	duration prometheus.Observer
}

func newMetrics(a *API) *metrics {
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mir_http_requests_total", Help: "Requests answered, by method, route and status."}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "mir_http_request_duration_seconds", Help: "Time from a request's head to its answer.", Buckets: prometheus.ExponentialBuckets(0.00025, 4, 10)}, []string{"route"}),
		inFlight:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "mir_http_requests_in_flight", Help: "Requests under way."}),
		refused:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mir_limited_total", Help: "Requests and batch items refused because a budget was used up, by budget."}, []string{"budget"}),
		verdicts:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mir_verdicts_total", Help: "Verdicts given, by result: ACCEPT, a code of the protocol, or none when no verdict could be given."}, []string{"result"}),
		kept:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mir_claims_submitted_total", Help: "Claims kept (new) and claims that were kept already (duplicate)."}, []string{"outcome"}),
		served:    prometheus.NewCounter(prometheus.CounterOpts{Name: "mir_peer_bytes_served_total", Help: "Bytes of tiles, entries and records answered, before compression."}),
		hints:     prometheus.NewCounter(prometheus.CounterOpts{Name: "mir_hints_received_total", Help: "Hints received over HTTP."}),
		cosigned:  prometheus.NewCounter(prometheus.CounterOpts{Name: "mir_cosigned_total", Help: "Checkpoints of other logs that were cosigned on request."}),
		written:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mir_assertions_written_total", Help: "What issuers had written: created, superseded, revoked, edited; duplicate for what was written before."}, []string{"outcome"}),
	}
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mir_assertion_lookups_total", Help: "Look-ups of files, by what was found: none, found, conflict; batch for many at once."}, []string{"result"})
	m.lookups = newLookupMetrics(lookups)
	m.registry.MustRegister(m.written, lookups, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.durations, m.inFlight, m.refused, m.verdicts, m.kept, m.served, m.hints, m.cosigned, newLogMetrics(a),
		gauge("mir_store_claims", "Claims held.", func() float64 { return float64(a.Store.Stats().Claims) }),
		gauge("mir_store_erased", "Claims erased.", func() float64 { return float64(a.Store.Stats().Erased) }),
		gauge("mir_store_read_only", "1 while the store takes no claims.", func() float64 { return truth(a.storeFault() != nil) }),
		counter("mir_store_damage_total", "Requests that met with damage in the store's files.", func() float64 { return float64(a.damage.reports.Load()) }),
		gauge("mir_store_log_bytes", "Bytes of the log in use.", func() float64 { return float64(a.Store.Stats().LogBytes) }),
		gauge("mir_store_index_bytes", "Bytes of the index in use.", func() float64 { return float64(a.Store.Stats().IndexBytes) }),
		gauge("mir_store_queue", "Submissions that wait to be written.", func() float64 { return float64(a.Store.Stats().QueueLength) }),
		counter("mir_key_lookups_total", "Domains asked for their keys.", func() float64 { return float64(a.Keys.Stats().Lookups) }),
		counter("mir_key_cache_hits_total", "Keys found in the cache.", func() float64 { return float64(a.Keys.Stats().Hits) }),
		counter("mir_key_busy_total", "Look-ups refused because too many were under way.", func() float64 { return float64(a.Keys.Stats().BusyRefusals) }),
		gauge("mir_key_cached_domains", "Domains whose keys are in the cache.", func() float64 { return float64(a.Keys.Stats().CachedDomains) }),
		gauge("mir_start_time_seconds", "When the node started, in Unix time.", func() float64 { return float64(a.started.Unix()) }))
	return m
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

func counter(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// answered counts a request that inFlight has counted before.
func (m *metrics) answered(c *gin.Context, took time.Duration) {
	m.inFlight.Dec()
	s := m.of(seriesKey{methodLabel(c.Request.Method), routeLabel(c), c.Writer.Status()})
	s.count.Inc()
	s.duration.Observe(took.Seconds())
}

func (m *metrics) of(key seriesKey) series {
	if known, ok := m.series.Load(key); ok {
		return known.(series)
	}
	s := series{m.requests.WithLabelValues(key.method, key.route, strconv.Itoa(key.status)), m.durations.WithLabelValues(key.route)}
	m.series.Store(key, s)
	return s
}

func (m *metrics) limited(budget string) { m.refused.WithLabelValues(budget).Inc() }

// verdict counts a verdict by its code; no verdict at all is "none".
func (m *metrics) verdict(result string) { m.verdicts.WithLabelValues(result).Inc() }

// submitted counts an answer to a submission.
func (m *metrics) submitted(status int) {
	if status == http.StatusCreated {
		m.kept.WithLabelValues("new").Inc()
	} else {
		m.kept.WithLabelValues("duplicate").Inc()
	}
}
