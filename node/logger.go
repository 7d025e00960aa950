package node

import (
	"io"
	"log/slog"
	"time"
)

// NewLogger writes log lines to w as the settings say.
func NewLogger(w io.Writer, l Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // Validate has checked it; the zero level is info
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		options.ReplaceAttr = milliseconds
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// milliseconds writes a duration, which slog makes a bare number of nanoseconds in JSON, as milliseconds under a name that says so: took becomes tookMs.
func milliseconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindDuration {
		return a
	}
	return slog.Float64(a.Key+"Ms", float64(a.Value.Duration())/float64(time.Millisecond))
}
