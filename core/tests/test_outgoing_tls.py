"""A certificate is checked against the name, although the address is pinned."""

import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.outgoing import OutgoingFailed, request
from core.outgoing import client as outgoing_client
from core.tests.support import http_server, plain, raw_server


def _certificate(tmp_path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def tls_server(tmp_path):
    """A TLS server whose certificate names api.example.test; the file to trust it by."""
    file = _certificate(tmp_path, "api.example.test")
    with http_server(plain(b"private")) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield server, file


@pytest.fixture
def trust(monkeypatch):
    def use(file):
        monkeypatch.setattr("certifi.where", lambda: str(file))
        outgoing_client._client.cache_clear()

    yield use
    outgoing_client._client.cache_clear()


class TestTLS:
    def test_the_certificate_is_checked_against_the_name_although_the_address_is_pinned(self, tls_server, trust, allow):
        server, file = tls_server
        trust(file)
        assert request("GET", allow(server.server_port, scheme="https")).body == b"private"

    def test_another_name_at_the_same_address_is_refused(self, tls_server, trust, allow):
        server, file = tls_server
        trust(file)
        with pytest.raises(OutgoingFailed):
            request("GET", allow(server.server_port, "other.example.test", scheme="https"))
        assert server.seen == []

    def test_a_certificate_nobody_vouches_for_is_refused(self, tls_server, allow):
        server, _ = tls_server
        with pytest.raises(OutgoingFailed):
            request("GET", allow(server.server_port, scheme="https"))
        assert server.seen == []

    def test_a_handshake_that_never_ends_is_left_in_time(self, allow):
        with raw_server(lambda connection: time.sleep(3)) as port:
            url = allow(port, scheme="https")
            started = time.monotonic()
            with pytest.raises(OutgoingFailed):
                request("GET", url, timeout=0.5)
        assert time.monotonic() - started < 2.5
