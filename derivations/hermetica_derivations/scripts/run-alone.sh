# Runs a package where itself, its closure and a static shell are all there is.
#
# First the loader goes through every program and library: what one of them needs and nobody has is an error. Then
# $command, if there is one, runs with $bin and $package at hand; the output of this build is what it prints.
: > "$out"
for root in $packages; do
  find "$root" -type f | while IFS= read -r file; do
    test "$(head -c 4 "$file" | tr -d '\177')" = ELF || continue
    case $file in *.o|*.a) continue ;; esac
    "$runtime/lib/ld-linux-x86-64.so.2" --verify "$file" || test $? = 2 || continue # static, or for another system
    if ! "$runtime/lib/ld-linux-x86-64.so.2" --list "$file" > needed 2>&1 || grep 'not found' needed; then
      echo "$file lacks what it needs:" >&2
      cat needed >&2
      exit 1
    fi
    if grep '=> /' needed | grep -v '=> /hermetica/store/'; then
      echo "$file takes what is in no store" >&2
      exit 1
    fi
  done
done
test -z "$command" || eval "$command" >> "$out"
