"""What this project builds: a wheel, and an environment in which it is installed.

For dependencies from the index: pin them with ``hermetica lock pypi pylock.toml``, and put what
``installed_pins(hm.Lock.read(…).group("default").pins)`` gives beside the wheel.
"""

import hermetica as hm
from hermetica_derivations.builders.python import installed, mk_virtual_environment, mk_wheel
from hermetica_derivations.packages.python_build import BUILD_REQUIREMENTS

sources = hm.source(".", include=["pyproject.toml", "src/**/*.py", "tests/**/*.py"])

wheel = mk_wheel(
    name="greet-0.1.0",
    src=sources,
    requires=[BUILD_REQUIREMENTS["setuptools"]],
    import_check="greet",
    check_phase="$python -m unittest discover -s tests",
)

greet = mk_virtual_environment("greet", [installed(wheel)])
