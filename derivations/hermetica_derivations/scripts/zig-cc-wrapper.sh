#!/bin/sh
# Calls the compiler without what would make its output depend on the processor it runs on, and without debug information.
for argument do
  shift
  case $argument in
    -march=native|-mcpu=native|-mtune=native) continue ;;
    -shared|-dynamiclib)
      echo "${0##*/}: this compiler makes static programs and libraries; it has nothing to link $argument with" >&2
      exit 1 ;;
  esac
  set -- "$@" "$argument"
done
exec @clang@ "$@" -g0
