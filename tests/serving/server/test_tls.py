"""TLS and mutual TLS on the gRPC port."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tensorflow_serving.apis import predict_pb2

from tests.serving.server.running import RunningServer, predict_request

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A key and its certificate, in PEM."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def make_identity(name: str, issuer: Identity | None = None) -> Identity:
    """Makes a certificate, signed by `issuer`; without one, a self-signed authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            False,
        )
    )
    return Identity(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


@pytest.fixture(scope="module")
def authority() -> Identity:
    return make_identity("authority")


def ssl_config(server: Identity, authority: Identity | None) -> str:
    """Writes an SSLConfig; with an authority, clients must show a certificate."""

    def quoted(data: bytes) -> str:
        return '"' + data.decode().replace("\n", "\\n") + '"'

    text = f"server_key: {quoted(server.key_pem)}\nserver_cert: {quoted(server.pem)}\n"
    if authority:
        text += f"custom_ca: {quoted(authority.pem)}\nclient_verify: true\n"
    return text


def ask(running: RunningServer, credentials: grpc.ChannelCredentials | None) -> float:
    address = f"127.0.0.1:{running.options.port}"
    channel = (
        grpc.secure_channel(address, credentials)
        if credentials
        else grpc.insecure_channel(address)
    )
    with channel:
        call = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=predict_pb2.PredictRequest.SerializeToString,
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        answer = call(predict_request({"x": [1.0]}), timeout=10)
    return float(answer.outputs["y"].float_val[0])


@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mutual tls"])
def test_who_gets_in(
    library: Path, tmp_path: Path, authority: Identity, mutual: bool
) -> None:
    file = tmp_path / "ssl.config"
    server = make_identity("server", authority)
    file.write_text(ssl_config(server, authority if mutual else None))
    client = make_identity("client", authority)
    stranger = make_identity("stranger", make_identity("another authority"))
    known = grpc.ssl_channel_credentials(authority.pem, client.key_pem, client.pem)
    foreign = grpc.ssl_channel_credentials(
        authority.pem, stranger.key_pem, stranger.pem
    )
    nameless = grpc.ssl_channel_credentials(authority.pem)
    with RunningServer(
        model_name="adder",
        model_base_path=str(library / "adder"),
        ssl_config_file=str(file),
    ) as running:
        assert ask(running, known) == 4.0
        refused: list[grpc.ChannelCredentials | None] = [None]
        if mutual:
            refused += [foreign, nameless]
        else:
            assert ask(running, nameless) == 4.0
        for credentials in refused:
            with pytest.raises(grpc.RpcError) as caught:
                ask(running, credentials)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
