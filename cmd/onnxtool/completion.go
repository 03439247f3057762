package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
)

// completionScripts ask the program itself what may follow, with the flag that the command-line library answers to.
var completionScripts = map[string]string{
	"bash": `_onnxtool() {
  local cur="${COMP_WORDS[COMP_CWORD]}" words
  if [[ "$cur" == -* ]]; then
    words=$("${COMP_WORDS[@]:0:$COMP_CWORD}" "$cur" --generate-bash-completion 2>/dev/null)
  else
    words=$("${COMP_WORDS[@]:0:$COMP_CWORD}" --generate-bash-completion 2>/dev/null)
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _onnxtool onnxtool
`,
	"zsh": `#compdef onnxtool
_onnxtool() {
  local -a words_of
  local cur="${words[CURRENT]}"
  if [[ "$cur" == -* ]]; then
    words_of=("${(@f)$(${words[1,CURRENT-1]} ${cur} --generate-bash-completion 2>/dev/null)}")
  else
    words_of=("${(@f)$(${words[1,CURRENT-1]} --generate-bash-completion 2>/dev/null)}")
  fi
  compadd -a words_of
  _files
}
compdef _onnxtool onnxtool
`,
}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes commands and flags in a shell",
		UsageText: "onnxtool completion bash|zsh|fish",
		Description: `The script goes to standard output.

  source <(onnxtool completion bash)
  onnxtool completion zsh > "${fpath[1]}/_onnxtool"
  onnxtool completion fish > ~/.config/fish/completions/onnxtool.fish`,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one shell is needed, %d given", c.NArg()), Hint: "bash, zsh or fish"}
			}
			script, ok := completionScripts[c.Args().First()]
			if c.Args().First() == "fish" {
				var err error
				if script, err = c.App.ToFishCompletion(); err != nil {
					return err
				}
				ok = true
			}
			if !ok {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no script for the shell %q", c.Args().First()), Hint: "there is one for bash, zsh and fish"}
			}
			_, err := fmt.Fprintln(c.App.Writer, strings.TrimSpace(script))
			return err
		},
	}
}
