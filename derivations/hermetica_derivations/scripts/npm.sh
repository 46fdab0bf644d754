# A project of npm. $layout has a line for each package of the tree:
#
#   package SOURCE PATH     the unpacked tarball goes there
#   link TARGET PATH        a member of the workspace is there
#   program LINK TARGET     node_modules/.bin has this link; TARGET is relative to its node_modules
#   export NAME FILE        bin has this link; FILE is relative to the project
#
# Packages come before what lies in them. $lifecycle names packages whose install scripts run.
: "${lifecycle=}"

default_configure_phase() {
  if test -z "$src"; then
    mkdir source
    cd source
  fi
  while read -r what source target <&3; do
    case $what in
      package)
        mkdir -p "${target%/*}"
        cp -R "$source" "$target"
        chmod -R u+w "$target" ;;
      link)
        mkdir -p "${target%/*}"
        up=$(echo "${target%/*}/" | sed 's|[^/]*/|../|g')
        ln -s "$up$source" "$target" ;;
      program)
        mkdir -p "${source%/*}"
        chmod +x "${source%/.bin/*}/$target"
        ln -s "../$target" "$source" ;;
    esac
  done 3< "$layout"
  PATH=$PWD/node_modules/.bin:$PATH
}

default_build_phase() {
  for name in $lifecycle; do
    for event in preinstall install postinstall; do
      line=$(node -p "require('./node_modules/$name/package.json').scripts?.$event ?? ''")
      test -z "$line" || (cd "node_modules/$name" && run /bin/sh -euc "$line")
    done
  done
}

default_check_phase() {
  node -e "const {scripts} = require('./package.json'); process.exit(scripts?.test ? 0 : 1)" || return 0
  run /bin/sh -euc "$(node -p "require('./package.json').scripts.test")"
}

default_install_phase() {
  home=$out/lib/node_modules/$project
  mkdir -p "$home" "$out/bin"
  cp -R . "$home/"
  while read -r what name file <&3; do
    test "$what" = export || continue
    chmod +x "$home/$file"
    ln -s "../lib/node_modules/$project/$file" "$out/bin/$name"
  done 3< "$layout"
}
