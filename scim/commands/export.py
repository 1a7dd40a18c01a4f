"""`python -m scim export`: writes a tenant to a file, for `import` to read; see scim/commands/transfer.py."""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from scim.app import from_environ
from scim.commands.command import DONE, FAILED, Failure, Parser, add_tenant
from scim.commands.inspection import document_of
from scim.commands.progress import Progress, Silent, shown
from scim.commands.transfer import NAMES, ORDER, footer, header, membership_line, resource_line
from scim.directory import keys
from scim.directory.stored import Kind
from scim.directory.tenant import PAGE
from scim.service.tenants import TenantService


class Export:
    """A walk through a tenant, which others may change meanwhile: each row is as it was when its page was read.

    It holds one page of rows, 1,000 at most, and the ids of deleted resources whose memberships are being removed.
    """

    def __init__(
        self,
        service: TenantService,
        write: Callable[[str], object],
        say: Callable[[str], None],
        progress: Progress | None = None,
    ) -> None:
        self._service, self._tenant = service, service.tenant
        self._write, self._say, self._progress = write, say, progress or Silent()
        self._counted: Counter[str] = Counter()
        self.left_out = 0

    async def run(self) -> Counter[str]:
        """Write all lines; return how many users, groups and memberships there are."""
        self._write(header(self._tenant.name, self._tenant.time()))
        for kind in sorted(self._service.kinds.values(), key=lambda each: each.letter, reverse=True):
            await self._resources(kind)
        await self._memberships()
        self._write(footer(self._counted))
        return self._counted

    async def _resources(self, kind: Kind) -> None:
        stage, total = f"{NAMES[kind.letter]}s", await self._service.directory.memberships.total(kind.letter)
        async for page in self._tenant.pages(kind.prefix):
            for row in page:
                document = document_of(kind, row)
                if document is None:
                    self.left_out += 1
                    self._say(f"{row.key}: left out, since its document cannot be read")
                    continue
                self._write(resource_line(kind.letter, row, document))
                self._counted[stage] += 1
            self._progress.at(stage, self._counted[stage], total)

    async def _memberships(self) -> None:
        after = "m."
        while True:
            gone = (
                await self._service.directory.memberships.tombstones()
            )  # before the rows, see scim/directory/memberships.py
            rows = await self._tenant.range(after, f"m.{keys.BEYOND}", PAGE)
            if not rows:
                return
            for row in rows:
                if not gone & set(row.key.split(".")[1:]):
                    self._write(membership_line(row))
                    self._counted["memberships"] += 1
            after = rows[-1].key
            self._progress.at("memberships", self._counted["memberships"])


@contextmanager
def _opened(path: str) -> Iterator[Callable[[str], object]]:
    """Give what writes a line to a file, or to standard output for `-`.

    Raises Failure when the file cannot be written.
    """
    try:
        with nullcontext(sys.stdout.buffer) if path == "-" else _file(Path(path)) as file:
            yield lambda line: file.write(f"{line}\n".encode())
            file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard output" if path == "-" else path or "''"
        raise Failure(
            f"{name} cannot be written: {error.strerror}. Name a file in a folder that is there, that you may write"
            " to, and that has space"
        ) from error


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that only its owner may read, and that has its name only once it is complete.

    Until then the file that had the name keeps it. A device or a pipe is written as it is.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as there:
            yield there
        return
    target = path.resolve()  # a link stays one
    descriptor, part = tempfile.mkstemp(".part", f"{target.name}.", target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            os.fsync(descriptor)
        Path(part).replace(target)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


async def _run(path: str, key: str) -> int:
    app = from_environ(serving=False, existing=True)
    try:
        service = await app.serving(key)
        await _check(service)
        with shown() as progress, _opened(path) as write:
            export = Export(service, write, _complain, progress)
            counted = await export.run()
    finally:
        await app.close()
    told = ", ".join(f"{counted[name]:,} {name}" for name in ORDER)
    left_out = f"; {export.left_out:,} left out" if export.left_out else ""
    sys.stderr.write(f"exported {told}{left_out}\n")
    return FAILED if export.left_out else DONE


async def _check(service: TenantService) -> None:
    """Raise Failure when there is nothing to export, so that it does not replace the backup of another day."""
    if not any([await service.tenant.under(kind.prefix, 1, keys_only=True) for kind in service.kinds.values()]):
        raise Failure(
            f"the tenant {service.tenant.name} has neither users nor groups; set SCIM_STORAGE and SCIM_TENANT as the"
            " service has them"
        )


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(arguments: list[str]) -> int:
    """Export a tenant of the store that the settings name.

    Returns 0 when all of it is in the file, 1 when resources that cannot be read are left out. Raises what
    scim/commands/command.py tells when there is no file.
    """
    parser = Parser("python -m scim export", description="Write a tenant to a file, as a backup.")
    parser.add_argument("file", metavar="FILE|-", help="where to; - for standard output")
    add_tenant(parser)
    options = parser.parse_args(arguments)
    return asyncio.run(_run(options.file, options.tenant))
