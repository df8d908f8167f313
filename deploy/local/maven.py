"""Fetches Java servers as pinned Maven artifacts with runtime dependencies, and compiles our class to start them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

from deploy.local.server import Package, StackError

# A fixed version: the default version of the plugin differs between releases of Maven.
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>caas.local</groupId>
  <artifactId>{name}</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""
_DEPENDENCY = "    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def pom(package: Package) -> str:
    """Return the project file with the package's artifacts as dependencies."""
    lines = (_DEPENDENCY.format(*artifact.split(":")) for artifact in package.artifacts)
    return _POM.format(name=package.name, dependencies="\n".join(lines))


def source(package: Package) -> str:
    """Return the source of the package's own class; empty if it has none."""
    if package.source is None:
        return ""
    return resources.files("deploy.local").joinpath(package.source).read_text()


def fingerprint(package: Package) -> str:
    """Return a hash of everything that determines the folder's content, so that an outdated one is never used."""
    text = "\0".join((COPY, str(package.java), pom(package), source(package)))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def fill(package: Package, java_home: Path, folder: Path) -> None:
    """Put `libs` and `classes` into a folder. Raises StackError."""
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError(f"{package.name} is fetched with Maven: install it (Debian, Ubuntu: apt-get install maven)")
    (folder / "pom.xml").write_text(pom(package))
    libraries, classes = folder / "libs", folder / "classes"
    classes.mkdir()
    flags = ("-B", "-q", "-f", str(folder / "pom.xml"), "-DincludeScope=runtime", f"-DoutputDirectory={libraries}")
    _run((maven, *flags, COPY), java_home, package)
    if package.source is not None:
        (folder / package.source).write_text(source(package))
        compiler = (str(java_home / "bin" / "javac"), "--release", str(package.java))
        words = ("-cp", f"{libraries}/*", "-d", str(classes), str(folder / package.source))
        _run((*compiler, *words), java_home, package)


def _run(command: tuple[str, ...], java_home: Path, package: Package) -> None:
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command,
        env={**os.environ, "JAVA_HOME": str(java_home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        program = Path(command[0]).name
        raise StackError(f"{program} could not install {package.name}:\n{done.stdout[-2000:].strip()}")
