package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestFlagsNameTheirValues: backquotes in the help of a flag name its value, so they must not stand around a sentence's command.
func TestFlagsNameTheirValues(t *testing.T) {
	flags := 0
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			flags++
			if name, _ := pflag.UnquoteUsage(f); strings.ContainsAny(name, " \n") {
				t.Errorf("%s shows --%s %s", cmd.CommandPath(), f.Name, name)
			}
		})
		for _, c := range cmd.Commands() {
			look(c)
		}
	}
	look(newRootCommand(streams{in: new(bytes.Buffer), out: new(bytes.Buffer), err: new(bytes.Buffer)}))
	if flags < 100 {
		t.Errorf("%d flags were seen", flags)
	}
}
