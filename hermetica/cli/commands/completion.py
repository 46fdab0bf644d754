"""``hermetica completion``: a script for the shell, made from the commands' own options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.cli.parser import COLOR_MODES, COMMANDS, UI_MODES, actions_of, command_parser, options_of
from hermetica.cli.plugged import rows_of_help
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from hermetica.cli.session import Session

_SHELLS: Final = ("bash", "zsh", "fish")
_ZSH: Final = "#compdef hermetica\nautoload -U +X bashcompinit && bashcompinit\n"
_BASH: Final = """\
_hermetica() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words= key=${{COMP_WORDS[1]}}
  COMPREPLY=()
  case $previous in
    --ui) COMPREPLY=($(compgen -W "{ui}" -- "$word")); return ;;
    --color) COMPREPLY=($(compgen -W "{color}" -- "$word")); return ;;
    --store|--out-link|--failed|--output) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  local line=${{COMP_LINE:0:${{COMP_POINT:-0}}}} name
  local target=${{line##* }}
  case $target in
    *:*|*#*)
      while IFS= read -r name; do
        [[ $name == "$target"* ]] && COMPREPLY+=("$name")
      done < <("${{COMP_WORDS[0]}}" ls --names -- "$target" 2>/dev/null)
      if [[ $COMP_WORDBREAKS == *:* && $target == *:* ]]; then  # the shell completes what is after the last colon
        COMPREPLY=("${{COMPREPLY[@]#"${{target%"${{target##*:}}"}}"}}")
      fi
      return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{commands}" -- "$word")); return
  fi
  case $key in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
}}
complete -o filenames -F _hermetica hermetica
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("shell", choices=_SHELLS)
    parser.epilog = 'bash and zsh: eval "$(hermetica completion bash)"; fish: hermetica completion fish | source'


def run(session: Session) -> int:
    """Prints the script."""
    shell = session.options.shell
    summaries = {**COMMANDS, **rows_of_help()}
    text = _fish(summaries) if shell == "fish" else (_ZSH if shell == "zsh" else "") + _bash(summaries)
    document = {"format": "hermetica.completion/1", "shell": shell, "script": text}
    session.console.result(document, [text.rstrip("\n")])
    return 0


def _known(names: Iterable[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each command with its second words and its options, ascending."""
    for name in names:
        try:
            _, parser = command_parser(name)
        except HermeticaError:  # a plug-in that cannot be used: whoever runs it is told
            yield name, [], []
            continue
        nested = actions_of(parser)
        options = {option for each in (parser, *nested.values()) for option in options_of(each)}
        yield name, list(nested), sorted(options)


def _bash(summaries: Mapping[str, str]) -> str:
    cases = "\n".join(
        f'    {name}) words="{" ".join([*nested, *options])}" ;;' for name, nested, options in _known(summaries)
    )
    return _BASH.format(ui=" ".join(UI_MODES), color=" ".join(COLOR_MODES), commands=" ".join(summaries), cases=cases)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish(summaries: Mapping[str, str]) -> str:
    lines = ["complete -c hermetica -e"]
    for name, summary in summaries.items():
        lines.append(f"complete -c hermetica -n __fish_use_subcommand -f -a {name} -d {_quote(summary)}")
    for name, nested, options in _known(summaries):
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c hermetica {seen} -a {action}" for action in nested]
        lines += [f"complete -c hermetica {seen} -l {option.removeprefix('--')}" for option in options]
    return "\n".join(lines) + "\n"
