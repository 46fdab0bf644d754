# Everything is installed below one prefix; this moves files to the outputs that they belong to, where the package has
# those, and makes the files that say where things are say so still.
#
#   dev     include, lib/pkgconfig, lib/cmake, share/pkgconfig, share/cmake, share/aclocal, bin/*-config, static
#           libraries unless there is an output static
#   static  lib/*.a
#   lib     lib/*.so*
#   doc     share/man, share/doc, share/info and the like; left out where there is no output doc

# move_to OUTPUT PATH…: what exists of these below $out
move_to() {
  eval "target=\$$1"
  shift
  for path do
    test -e "$out/$path" || test -L "$out/$path" || continue
    if test -d "$target/$path"; then
      cp -R "$out/$path/." "$target/$path/"
      rm -rf "${out:?}/$path"
    else
      mkdir -p "$target/$path"
      rmdir "$target/$path"
      mv "$out/$path" "$target/$path"
    fi
  done
}

# matching PATTERN…: paths below $out, without its name
matching() {
  for pattern do
    for match in "$out"/$pattern; do
      test -e "$match" || test -L "$match" || continue
      echo "${match#"$out/"}"
    done
  done
}

# Programs such as pkg-config are called like the scripts that say how to compile against a library.
config_scripts() {
  for name in $(matching 'bin/*-config'); do
    magic_of "$out/$name"
    case $magic in '#!'*) echo "$name" ;; esac
  done
}

split_outputs() {
  test -d "$out" && ! test -L "$out" || return 0
  documents="share/man share/doc share/info share/gtk-doc man doc info"
  if has_output doc; then
    move_to doc $documents
  else
    for path in $documents; do rm -rf "${out:?}/$path"; done
  fi
  rm -f "$out/share/info/dir" ${doc:+"$doc/share/info/dir"}
  if has_output static; then
    move_to static $(matching 'lib/*.a')
  fi
  if has_output dev; then
    move_to dev include lib/pkgconfig lib/cmake share/pkgconfig share/cmake share/aclocal \
      $(matching 'lib/*.a') $(config_scripts)
  fi
  if has_output lib; then
    move_to lib $(matching 'lib/*.so' 'lib/*.so.*')
  fi
  if has_output dev || has_output lib || has_output static; then
    rename_places
  fi
  rmdir "$out/share/info" "$out/share" 2>/dev/null || true
}

# Paths in files of pkg-config, CMake and *-config follow what was moved.
rename_places() {
  home=$out headers=$out libraries=$out archives=$out
  if has_output dev; then home=$dev headers=$dev archives=$dev; fi
  if has_output lib; then libraries=$lib; fi
  if has_output static; then archives=$static; fi
  : > "$top/.renames"
  for start in "$out" '${prefix}' '$prefix' '${exec_prefix}' '$exec_prefix' '${_IMPORT_PREFIX}' '${PACKAGE_PREFIX_DIR}'; do
    rename "$start/include" "$headers/include"
    rename "$start/lib" "$libraries/lib"
    rename "$start/bin" "$out/bin"
  done
  for archive in "$archives"/lib/*.a; do
    rename "$libraries/lib/${archive##*/}" "$archive"
  done
  rename "$libraries/lib/cmake" "$home/lib/cmake"
  rename "$libraries/lib/pkgconfig" "$home/lib/pkgconfig"
  find "$home" -type f \( -name '*.pc' -o -name '*.cmake' -o -path '*/bin/*-config' \) | while IFS= read -r file; do
    sed -f "$top/.renames" "$file" > "$top/.renamed"
    cat "$top/.renamed" > "$file"
  done
}

# rename OLD NEW: one more line of the program that renames; $out/lib is no part of $out/libexec
rename() {
  old=$(printf '%s' "$1" | sed 's/[.$*^[]/\\&/g')
  printf '%s\n' "s|$old\\([^A-Za-z0-9_]\\)|$2\\1|g" "s|$old\$|$2|" >> "$top/.renames"
}

# What users of this package need beside it: the libraries that belong to its headers, and $propagated_inputs.
write_propagation() {
  home=$out
  if has_output dev; then home=$dev; fi
  needed=$propagated_inputs
  if test "$home" != "$out"; then
    needed="$out ${lib-} $needed"
  fi
  test -n "$needed" || return 0
  mkdir -p "$home/${propagation%/*}"
  printf '%s\n' $needed > "$home/$propagation"
}
