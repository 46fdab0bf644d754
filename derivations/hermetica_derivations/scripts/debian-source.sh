# What `dpkg-source -x` gives, without `.pc`: upstream's files, Debian's over them, and the patches of the series, in order.
# Sources: dpkg-source(1), "3.0 (quilt)" and "1.0"; Dpkg::Source::Patch for how patches are applied.
cp -RP "$upstream/." "$out"
chmod -R u+w "$out"
cd "$out"
for component in ${components:-}; do
    rm -rf "${component%%=*}"
    cp -RP "${component#*=}/." "${component%%=*}"
    chmod -R u+w "${component%%=*}"
done

apply() { # by its whole name: the shell of busybox prefers its own, which knows none of these options
    /usr/bin/patch -s -t -F 0 -N -p1 -u -V never < "$1"
}

if test -n "${diff:-}"; then
    apply "$diff"
else
    rm -rf debian
    cp -RP "$changes/debian" debian
    chmod -R u+w debian
    series=debian/patches/debian.series
    test -e "$series" || series=debian/patches/series
    if test -e "$series"; then
        while read -r name rest || test -n "$name"; do
            case "$name" in "" | \#*) continue ;; esac
            case "$rest" in "" | -p1 | \#*) ;; *) echo "$series: $name: cannot do $rest" >&2; exit 1 ;; esac
            apply "debian/patches/$name"
        done < "$series"
    fi
fi
test ! -e debian/rules || chmod +x debian/rules
