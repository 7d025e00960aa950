package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// newHelpCommand builds `mir help`. Cobra's own ends well for a command that there is not.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Print the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about := cmd.Root()
			for _, name := range args {
				children := about.Commands()
				at := slices.IndexFunc(children, func(c *cobra.Command) bool { return c.Name() == name || c.HasAlias(name) })
				if at < 0 {
					return unknownCommand(about, name)
				}
				about = children[at]
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// refuseHelp makes --help behind the name of no command an error, which is found in *err after the execution: cobra's help cannot fail.
func refuseHelp(root *cobra.Command, err *error) {
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd.HasAvailableSubCommands() && cmd.Flags().NArg() > 0 {
			if *err = cmd.ValidateArgs(cmd.Flags().Args()); *err != nil {
				return
			}
		}
		help(cmd, args)
	})
}
