"""Buckets, over HTTP on a real port: moto's server stands for S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from service.bulk import places
from service.bulk.errors import SourceChanged, SourceUnreadable, TargetExists, TargetUnwritable
from tests.archives import IMAGES
from tests.bulking import InlineEngine, bulk, read_rows

BUCKET = "fotos"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(
    endpoint: str, sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[boto3.client]:
    """Give a client of a store with the pictures in it; the environment leads s3fs there too."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(sources.rglob("*")):
        if path.is_file():
            client.put_object(
                Bucket=BUCKET, Key=f"in/{path.relative_to(sources)}", Body=path.read_bytes()
            )
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        keys = [{"Key": entry["Key"]} for entry in page.get("Contents", ())]
        if keys:
            client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def keys(client: boto3.client) -> list[str]:
    found = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    return [entry["Key"] for entry in found if not entry["Key"].startswith("in/")]


class Stop(Exception):
    """The run is ended here."""


def stop() -> None:
    raise Stop


def test_a_bucket_gives_what_the_disk_gives(
    s3: boto3.client, sources: Path, bundles: Path, tmp_path: Path
) -> None:
    local, remote = tmp_path / "local.parquet", tmp_path / "remote.parquet"
    bulk(sources, local, bundles)
    bulk(f"s3://{BUCKET}/in", remote, bundles)

    def said(path: Path) -> list[dict[str, object]]:
        return [row | {"file": Path(row["file"]).name} for row in read_rows(path)]

    assert said(remote) == said(local)
    assert {row["file"].split("/in/")[0] for row in read_rows(remote)} == {f"s3://{BUCKET}"}


def test_a_run_into_a_bucket_goes_on_and_leaves_the_target_alone_in_it(
    s3: boto3.client, sources: Path, bundles: Path, tmp_path: Path
) -> None:
    target = f"s3://{BUCKET}/out/labels.parquet"
    with pytest.raises(Stop):
        bulk(sources / "photos", target, bundles, engine=InlineEngine(stop))
    assert "out/labels.parquet.partial/plan.json" in keys(s3)
    assert "out/labels.parquet" not in keys(s3)
    assert bulk(sources / "photos", target, bundles).earlier == 5
    assert keys(s3) == ["out/labels.parquet"]
    with pytest.raises(TargetExists):
        bulk(sources / "photos", target, bundles)
    assert keys(s3) == ["out/labels.parquet"]
    bulk(sources / "photos", tmp_path / "local.parquet", bundles)
    body = s3.get_object(Bucket=BUCKET, Key="out/labels.parquet")["Body"].read()
    assert body == (tmp_path / "local.parquet").read_bytes()


def test_a_listing_of_several_pages_is_whole(
    s3: boto3.client, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "S3_PAGE", 7)
    target = tmp_path / "labels.jsonl"
    bulk(f"s3://{BUCKET}/in/photos", target, bundles)
    assert [Path(row["file"]).name for row in read_rows(target)] == list(IMAGES)


def test_an_object_that_changed_between_runs_is_told(
    s3: boto3.client, bundles: Path, tmp_path: Path
) -> None:
    source, target = f"s3://{BUCKET}/in/photos", tmp_path / "labels.jsonl"
    with pytest.raises(Stop):
        bulk(source, target, bundles, engine=InlineEngine(stop))
    other = IMAGES["grey.png"][:-1] + b"!"
    s3.put_object(Bucket=BUCKET, Key="in/photos/grey.png", Body=other)
    with pytest.raises(SourceChanged, match=r"≠ s3://fotos/in/photos/grey\.png"):
        bulk(source, target, bundles)


def test_what_is_not_there_is_told(
    s3: boto3.client, sources: Path, bundles: Path, tmp_path: Path
) -> None:
    with pytest.raises(SourceUnreadable, match="nada"):
        bulk(f"s3://{BUCKET}/nada", tmp_path / "labels.csv", bundles)
    with pytest.raises(SourceUnreadable, match="sin-balde"):
        bulk("s3://sin-balde/fotos", tmp_path / "labels.csv", bundles)
    with pytest.raises(TargetUnwritable, match="sin-balde"):
        bulk(sources / "photos", "s3://sin-balde/labels.csv", bundles)
    with pytest.raises(SourceUnreadable, match="gopher"):
        bulk("gopher://host/fotos", tmp_path / "labels.csv", bundles)
    assert list(tmp_path.iterdir()) == []
