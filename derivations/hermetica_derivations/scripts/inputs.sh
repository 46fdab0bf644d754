# What is declared, and what that propagates in turn, becomes the search paths of compilers and build systems. Headers
# and the like of a library are in its output dev, which comes last: a static library there must not win over a shared
# one.
propagation=share/stdenv/propagated-inputs
all_inputs=
dev_inputs=

add_input() {
  case " $all_inputs $dev_inputs " in *" $1 "*) return 0 ;; esac
  case $1 in
    *-dev) dev_inputs="$dev_inputs $1" ;;
    *) all_inputs="$all_inputs $1" ;;
  esac
  test -f "$1/$propagation" || return 0
  while IFS= read -r propagated <&3; do
    add_input "$propagated"
  done 3< "$1/$propagation"
}

# extend VARIABLE DIRECTORY: at the end of a list with colons, where the directory exists
extend() {
  test -d "$2" || return 0
  eval "$1=\${$1:+\$$1:}\$2"
}

for input in $inputs $propagated_inputs $dlopen_inputs; do
  add_input "$input"
done
all_inputs="$all_inputs $dev_inputs"
tools_path=$PATH PATH=
for input in $all_inputs; do
  extend PATH "$input/bin"
  extend C_INCLUDE_PATH "$input/include"
  extend LIBRARY_PATH "$input/lib"
  extend PKG_CONFIG_PATH "$input/lib/pkgconfig"
  extend PKG_CONFIG_PATH "$input/share/pkgconfig"
  extend ACLOCAL_PATH "$input/share/aclocal"
  extend CMAKE_PREFIX_PATH "$input"
done
export PATH="${PATH:+$PATH:}$tools_path"
test -z "${C_INCLUDE_PATH-}" || export C_INCLUDE_PATH CPLUS_INCLUDE_PATH="$C_INCLUDE_PATH"
test -z "${LIBRARY_PATH-}" || export LIBRARY_PATH
test -z "${ACLOCAL_PATH-}" || export ACLOCAL_PATH
test -z "${CMAKE_PREFIX_PATH-}" || export CMAKE_PREFIX_PATH
# Files of the tool tree describe libraries that no output may link.
export PKG_CONFIG_PATH="${PKG_CONFIG_PATH-}" PKG_CONFIG_LIBDIR=/nowhere
