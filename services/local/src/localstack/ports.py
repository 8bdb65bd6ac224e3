"""TCP ports on this machine: a free one, and who holds a busy one."""

import socket

import psutil

HOST = "127.0.0.1"
_HOST_6 = "::1"


def free_port() -> int:
    """A port that nobody listens on now, by any of the addresses that ``localhost`` means."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
            if not any(_why_not(host, port) for host in loopback() if host != HOST):
                return port


def loopback() -> tuple[str, ...]:
    """The addresses that ``localhost`` means on this machine: of IPv4, and of IPv6 where there is such a one."""
    return (HOST,) if _why_not(_HOST_6, 0) else (HOST, _HOST_6)


def why_busy(port: int) -> str | None:
    """None when a server can listen on ``port``; else who does, as far as the system tells."""
    for host in loopback():
        if error := _why_not(host, port):
            return _holder(port) or error
    return None


def _why_not(host: str, port: int) -> str | None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            # As the servers do: a port whose last connections still fade away is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.strerror or str(error)
    return None


def listens(port: int) -> bool:
    """Whether somebody accepts connections on ``port``."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _holder(port: int) -> str | None:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return f"{_name(connection.pid)} listens there"
    return None


def _name(pid: int | None) -> str:
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})" if pid else "a process of another user"
    except psutil.NoSuchProcess:
        return f"pid {pid}"
