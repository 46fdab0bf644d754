#!/bin/sh
# Runs a compiler of the tool tree, so that what it links runs on the declared runtime and the declared libraries alone.
# Beside what the specs add (loader, runtime, no build id), every directory whose shared library is linked becomes an
# rpath; a library of the package itself is looked for where it will be installed. $dlopen_inputs become rpaths always.
set -u
real=@real@
directories=
libraries=
take=
for argument do
  case $take in
    L) directories="$directories:$argument" take= ; continue ;;
    l) libraries="$libraries $argument" take= ; continue ;;
    skip) take= ; continue ;;
  esac
  case $argument in
    -c|-S|-E|-M|-MM) exec "$real" -specs=@specs@ -ffile-prefix-map=/build=. "$@" ;;
    -L) take=L ;;
    -l) take=l ;;
    -o|-x|-include|-isystem|-I|-D|-U|-MF|-MT|-MQ|-Xlinker|-T|-u) take=skip ;;
    -L*) directories="$directories:${argument#-L}" ;;
    -l*) libraries="$libraries ${argument#-l}" ;;
    *.so|*.so.*)
      if test -e "$argument"; then
        case $argument in */*) here=${argument%/*} ;; *) here=. ;; esac
        libraries="$libraries =${argument##*/}"
        directories="$directories:$here"
      fi ;;
  esac
done

rpaths=
add_rpath() {
  case "$rpaths:" in *":$1:"*) ;; *) rpaths="$rpaths:$1" ;; esac
}
for input in ${dlopen_inputs-}; do
  add_rpath "$input/lib"
done
old_ifs=$IFS
searched=$directories:${LIBRARY_PATH-} # a variable, as only what comes out of one is split into fields
for library in $libraries; do
  case $library in
    =*) file=${library#=} ;;
    :*) file=${library#:} ;;
    *) file=lib$library.so ;;
  esac
  IFS=:
  for directory in $searched; do
    test -n "$directory" && test -e "$directory/$file" || continue
    case $directory in
      /hermetica/store/*) add_rpath "$directory" ;;
      /usr/*|/lib*) ;;
      *) add_rpath "${lib:-${out:-/nowhere}}/lib" ;;
    esac
    break
  done
  IFS=$old_ifs
done
IFS=:
for rpath in $rpaths; do
  test -z "$rpath" || set -- "$@" "-Wl,-rpath,$rpath"
done
IFS=$old_ifs
exec "$real" -specs=@specs@ -ffile-prefix-map=/build=. "$@"
