# The generic builder: phases in order, each replaced by a variable of its name (configure_phase='…') or extended by
# variables before and after it (before_configure, after_configure). Flags are shell words.
#
#   unpack     $src, an archive or a directory, into the working directory
#   patch      $patches
#   configure  what the build system says; without one, ./configure with $configure_flags where there is one
#   build      likewise; make with $make_flags
#   check      likewise, where do_check=1; make with $check_targets
#   install    likewise; make with $install_targets and $make_flags
#   fixup      files into the outputs they belong to, and everything made the same on every day: see fixup.sh
#
# This file has the settings; run.sh, at the end, goes through the phases.
set -eu
: "${configure_flags=}" "${make_flags=}" "${build_targets=}" "${check_targets=check}" "${install_targets=install}"
: "${install_flags=}" "${check_flags=}" "${patches=}" "${patch_flags=-p1}" "${src=}" "${source_root=}"
: "${inputs=}" "${propagated_inputs=}" "${dlopen_inputs=}" "${outputs=out}" "${configure_script=./configure}"
: "${allow_cut_paths=}" "${allow_dev_references=}" "${do_check=}" "${do_split=1}" "${do_strip=1}" "${parallel=1}"
: "${allow_missing_libraries=}" "${fixup_tools=}"
: "${prefix=$out}" "${phases=unpack patch configure build check install fixup}"
jobs=-j$HERMETICA_BUILD_CORES
test -n "$parallel" || jobs=-j1
top=$PWD
export CONFIG_SHELL=/bin/sh

run() {
  echo "+ $*"
  "$@"
}

has_output() {
  case " $outputs " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}
