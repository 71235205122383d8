"""moto's S3 on a free port of this machine, with a bucket `lake`, one request at a time.

    moto_s3.py [--tls DIR]

moto checks conditions and then writes: with one request at a time that is one step.
With --tls it speaks HTTPS, with a certificate of an authority of its own, and writes
the authority's certificate to DIR/ca.pem. It prints its address on one line and ends
when its input does, so that it never outlives a test.
"""

import argparse
import datetime
import ipaddress
import logging
import os
import pathlib
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import Client


def certificates(directory):
    """An authority and a certificate of 127.0.0.1; the paths of certificate and key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.timezone.utc)

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def unsigned(subject, issuer, key):
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = unsigned("the test's authority", "the test's authority", authority)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    leaf = unsigned("127.0.0.1", "the test's authority", key)
    for extension in [
        x509.BasicConstraints(ca=False, path_length=None),
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ]:
        leaf = leaf.add_extension(extension, critical=False)
    pem = serialization.Encoding.PEM
    written = {
        "ca.pem": root.sign(authority, hashes.SHA256()).public_bytes(pem),
        "server.pem": leaf.sign(authority, hashes.SHA256()).public_bytes(pem),
        "server.key": key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
    for file, content in written.items():
        pathlib.Path(directory, file).write_bytes(content)
    return os.path.join(directory, "server.pem"), os.path.join(directory, "server.key")


class Quiet(WSGIRequestHandler):
    """Keeps connections, as servers of storage do, and logs nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, *args):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tls", metavar="DIR")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    app = DomainDispatcherApplication(create_backend_app)
    alone = threading.Lock()

    def one_at_a_time(environ, start_response):
        with alone:
            return list(app(environ, start_response))

    Client(one_at_a_time).put("/lake")
    tls = certificates(args.tls) if args.tls else None
    server = make_server(
        "127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=Quiet, ssl_context=tls
    )
    print(f"127.0.0.1:{server.port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
