"""What this project builds: its files, and the packages that package-lock.json names, pinned in hermetica.lock."""

from pathlib import Path

import hermetica as hm
from hermetica_derivations.builders.npm import mk_npm_application
from hermetica_derivations.packages import nodejs

here = Path(__file__).parent

greet = mk_npm_application(
    name="greet-0.1.0",
    src=hm.source(".", include=["package.json", "bin/**", "lib/**", "test/**"]),
    package_lock=(here / "package-lock.json").read_text(encoding="utf-8"),
    pins=hm.Lock.read(here / "hermetica.lock").group("default").pins,
    node=nodejs,
    check_phase="node --test",
)
