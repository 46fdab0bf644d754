for phase in $phases; do
  if test "$phase" = check && test -z "$do_check"; then
    continue
  fi
  echo "@ $phase"
  eval "before=\${before_$phase-} after=\${after_$phase-} instead=\${${phase}_phase-}"
  case $phase in check) watch=tested ;; *) watch= ;; esac
  test -z "$before" || eval "$before"
  if test -n "$instead"; then
    $watch eval "$instead"
  else
    $watch "default_${phase}_phase"
  fi
  test -z "$after" || eval "$after"
done
