"""Installs requirements into the Python that runs this, and tells how far it has come: `install.py REQUIREMENTS`."""

import subprocess
import sys

COMMAND = (*(sys.executable, "-m", "pip", "install"), "--disable-pip-version-check", "--progress-bar", "off", "-r")


def main(requirements: str) -> int:
    """Run pip and return its exit code; a terminal shows each package as it is found, anything else the steps."""
    packages, remarks = 0, list[str]()
    _tell(f"  packages of {requirements}", lasting=True)
    with subprocess.Popen(  # noqa: S603 - the file is ours
        [*COMMAND, requirements], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            word, _, rest = line.strip().partition(" ")
            if word == "Collecting":
                packages += 1
                _tell(f"  found {packages}, the last one {rest.split(' ')[0]}")
            elif word == "Installing":
                _tell(f"  installing {packages} packages", lasting=True)
            elif word in ("ERROR:", "WARNING:"):
                remarks.append(line)
    if pip.returncode != 0:
        sys.stderr.writelines(remarks)
    _tell("  done" if pip.returncode == 0 else "  pip failed, and says why above", lasting=True)
    return pip.returncode


def _tell(text: str, *, lasting: bool = False) -> None:
    """Write a step; one that does not last is for a terminal only, which writes the next over it."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\033[K{text[:78]}" + "\n" * lasting)
    elif lasting:
        sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
