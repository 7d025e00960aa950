package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mirnode/conformance"
	"mirnode/conformance/report"
)

// conformanceOutput is where and how the report is written.
type conformanceOutput struct {
	format, out, badge string
}

func (o *conformanceOutput) addFlags(cmd *cobra.Command) {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, string(f))
	}
	cmd.Flags().StringVar(&o.format, "format", string(report.Text), "the form of the report: "+strings.Join(names, ", "))
	cmd.Flags().StringVar(&o.out, "out", "", "write the report to this file (default: standard output)")
	cmd.Flags().StringVar(&o.badge, "badge", "", "write a badge to this file, an SVG picture")
}

// complete refuses a format that there is none, and files that would replace one another.
func (o *conformanceOutput) complete(caOut string) error {
	for _, pair := range []struct{ flag, path, other, otherPath string }{
		{"--out", o.out, "--badge", o.badge}, {"--out", o.out, "--ca-out", caOut}, {"--badge", o.badge, "--ca-out", caOut},
	} {
		if samePath(pair.path, pair.otherPath) {
			return withHint(fmt.Sprintf("%s and %s name one file", pair.flag, pair.other), "Each would replace the other.")
		}
	}
	if _, err := report.ParseFormat(o.format); err != nil {
		return withHint("--format: "+err.Error(), "")
	}
	return nil
}

// samePath tells whether both name one file, be it there already or not. None is the same as none.
func samePath(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	wholeA, errA := filepath.Abs(a)
	wholeB, errB := filepath.Abs(b)
	if errA == nil && errB == nil && wholeA == wholeB {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// conformanceFiles are the files of a report, begun before the run, so that one that cannot be written costs no run. What was there before
// stays until the new one is whole.
type conformanceFiles struct {
	o          *conformanceOutput
	s          streams
	out, badge *renameio.PendingFile // nil: not asked for
}

func (o *conformanceOutput) open(s streams) (*conformanceFiles, error) {
	f := &conformanceFiles{o: o, s: s}
	for _, file := range []struct {
		flag, path string
		pending    **renameio.PendingFile
	}{{"--out", o.out, &f.out}, {"--badge", o.badge, &f.badge}} {
		if file.path == "" {
			continue
		}
		var err error
		if *file.pending, err = renameio.NewPendingFile(file.path, renameio.WithPermissions(0o644)); err != nil {
			if failed, ok := errors.AsType[*fs.PathError](err); ok { // it names a temporary file
				err = fmt.Errorf("%s: %w", file.path, failed.Err)
			}
			return nil, errors.Join(&exit{exitMisuse, withHint(file.flag+": "+printable(err.Error()), "")}, f.discard())
		}
	}
	return f, nil
}

// write writes the report and the badge.
func (f *conformanceFiles) write(result *conformance.Result) error {
	format, err := report.ParseFormat(f.o.format)
	if err != nil {
		return err
	}
	if f.out == nil {
		err = report.Write(f.s.out, format, result)
	} else if err = report.Write(f.out, format, result); err == nil {
		err = f.out.CloseAtomicallyReplace()
	}
	if f.badge != nil && err == nil {
		if err = report.Badge(f.badge, result); err == nil {
			err = f.badge.CloseAtomicallyReplace()
		}
	}
	return errors.Join(err, f.discard())
}

// discard leaves what was there before, where nothing new was written.
func (f *conformanceFiles) discard() error {
	var failed error
	for _, pending := range []*renameio.PendingFile{f.out, f.badge} {
		if pending != nil {
			failed = errors.Join(failed, pending.Cleanup())
		}
	}
	return failed
}
