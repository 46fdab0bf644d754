# Leaves out what needs Tk and what tests need, and makes the files that describe the build describe no place of it.
library=$out/lib/python3.11
(cd "$library" && rm -rf idlelib tkinter turtle.py turtledemo test ctypes/test distutils/tests lib2to3/tests unittest/test)
rm -f "$library"/lib-dynload/_test*.so "$library"/lib-dynload/_ctypes_test*.so "$library"/lib-dynload/_xxtest*.so \
  "$library"/lib-dynload/xxlimited*.so
rm -f "$out"/bin/idle3*
ln -s python3.11 "$out/bin/python"
for file in "$library"/_sysconfigdata_*.py "$library"/config-3.11-*/Makefile; do
  sed -i -e "s|$PWD|.|g" -e "s|-[IL]/hermetica/store/[^ ']*||g" "$file"
  for input in $all_inputs; do
    sed -i -e "s|$input|/nowhere|g" "$file"
  done
done
find "$out" -name __pycache__ -prune -exec rm -rf {} +
PYTHONHASHSEED=0 "$out/bin/python3.11" -IB -m compileall -q -j1 --invalidation-mode unchecked-hash -s "$out" -p / \
  "$library"
