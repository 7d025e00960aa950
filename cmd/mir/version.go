package main

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

const flagVersion = "version"

// buildVersion is what the program knows of its own build.
type buildVersion struct {
	Version  string `json:"version"`           // the module's
	Revision string `json:"revision,omitzero"` // of the source, where it was built out of a repository
	Modified bool   `json:"modified,omitzero"` // the source was changed after that revision
	Time     string `json:"time,omitzero"`     // of the revision
	Go       string `json:"go"`
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return printVersion(cmd) },
	}
}

func printVersion(cmd *cobra.Command) error {
	version := readVersion(debug.ReadBuildInfo())
	if wantsJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), version)
	}
	return version.print(cmd.OutOrStdout())
}

func readVersion(info *debug.BuildInfo, ok bool) buildVersion {
	if !ok {
		return buildVersion{Version: "unknown", Go: "unknown"} // built without modules
	}
	v := buildVersion{Version: info.Main.Version, Go: info.GoVersion}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		case "vcs.time":
			v.Time = setting.Value
		}
	}
	return v
}

func (v buildVersion) print(out io.Writer) error {
	text := "mir " + v.Version + "\n"
	if v.Revision != "" {
		text += "revision " + v.Revision + " of " + v.Time
		if v.Modified {
			text += ", modified"
		}
		text += "\n"
	}
	_, err := fmt.Fprintf(out, "%sbuilt with %s\n", text, v.Go)
	return err
}
