"""What the hub of `server` answers to each request."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from repositories import LARGE, Entry, Repository, User, card_faults, entries_of, paths_of, split_revision, tree

PAGE = 3  # entries per page of a tree: small, so that paging happens


class Handler(BaseHTTPRequestHandler):
    hub: Any  # a `server.Hub`
    protocol_version = "HTTP/1.1"
    is_answer_lost = False

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal: requests are kept in ``hub.log``."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        how = self._breakage() if self.command == "PUT" or "/commit/" in self.path else ""
        if how == "close":
            self.rfile.read(16)  # of the body, and no more
            self.close_connection = True
            self.hub.log.append(f"{self.command} {unquote(self.path)} closed")
            return
        body = self._body()
        self.is_answer_lost = how == "lost"
        if how == "error":
            return self._refuse(503, None, "Service Unavailable")
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        if parts[0] == "store":
            self._serve_stored("/".join(parts[1:]))
        elif parts[:2] == ["upload", parts[-1]] and self.command == "PUT":
            self._take_large(parts[1], body if how != "garble" else body[::-1])
        elif parts[-4:] == ["info", "lfs", "objects", "batch"]:
            self._serve_batch("/".join(parts[:2]).removesuffix(".git"), json.loads(body))
        elif parts == ["verify"]:
            self._verify_large(json.loads(body))
        elif parts == ["api", "whoami-v2"]:
            self._serve_whoami()
        elif parts == ["api", "repos", "create"]:
            self._create(json.loads(body))
        elif parts == ["api", "validate-yaml"]:
            self._validate_card(json.loads(body)["content"])
        elif parts[0] == "api" and len(parts) >= 4 and parts[1] in ("models", "datasets"):
            self._serve_api(parts[1], "/".join(parts[2:4]), parts[4:], parse_qs(url.query), body)
        else:
            kind = "datasets" if parts[0] == "datasets" else "models"
            parts = parts[1:] if kind == "datasets" else parts
            if len(parts) >= 5 and parts[2] == "resolve":
                self._serve_file(kind, "/".join(parts[:2]), parts[3:])
            else:
                self._refuse(404, None, "Not Found")

    # ------------------------------------------------------------ the interface for programs

    def _serve_api(self, kind: str, name: str, rest: list[str], query: dict[str, list[str]], body: bytes) -> None:
        repository = self._visible(kind, name)
        if repository is None:
            # A hub tells nobody which private repositories exist: an unknown one asks for a password.
            return self._refuse(401, "RepoNotFound", "Invalid username or password.")
        if self.command == "GET" and self._breakage() == "error":
            return self._refuse(503, None, "Service Unavailable")
        action, tail = (rest[0], rest[1:]) if rest else ("revision", ["main"])
        if action in ("preupload", "commit") and self.command == "POST":
            if not self._may_write(name):
                return self._refuse(403, None, "You have no right to write here")
            take = self._serve_preupload if action == "preupload" else self._take_commit
            return take(repository, kind, name, tail[0], body)
        if action not in ("revision", "tree", "paths-info"):
            return self._refuse(404, None, f"Unknown action {action}")
        revision, path = split_revision(repository, tail)
        commit = repository.commit_of(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        entries = entries_of(repository, commit)
        if action == "revision":
            return self._send_json(
                {
                    "_id": "0" * 24,
                    "id": name,
                    "author": name.split("/")[0],
                    "sha": commit,
                    "lastModified": "2024-01-01T00:00:00.000Z",
                    "createdAt": "2024-01-01T00:00:00.000Z",
                    "private": repository.private,
                    "gated": "manual" if repository.gated else False,
                    "disabled": False,
                    "downloads": 0,
                    "likes": 0,
                    "tags": [],
                    "siblings": [{"rfilename": entry.path} for entry in entries],
                }
            )
        if action == "paths-info":
            wanted = paths_of(body, self.headers.get("Content-Type", ""))
            listed = {item["path"]: item for item in tree(entries, "", recursive=True)}
            return self._send_json([listed[path] for path in wanted if path in listed])
        items = tree(entries, path, recursive=query.get("recursive", ["false"])[0].lower() in ("true", "1"))
        if not items and path:
            return self._refuse(404, "EntryNotFound", f"{path} does not exist on {revision!r}")
        start = int(query.get("cursor", ["0"])[0])
        headers = {}
        if start + PAGE < len(items):
            kept = "&".join(f"{key}={quote(values[0])}" for key, values in query.items() if key != "cursor")
            address = f"{self.hub.endpoint}{urlsplit(self.path).path}?{kept}&cursor={start + PAGE}"
            headers["Link"] = f'<{address}>; rel="next"'
        self._send_json(items[start : start + PAGE], headers)

    # ------------------------------------------------------------ what is sent

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            length = int(self.headers.get("Content-Length") or 0)
            return self.rfile.read(length) if length else b""
        found = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _user(self) -> User | None:
        return self.hub.users.get((self.headers.get("Authorization") or "").removeprefix("Bearer "))

    def _visible(self, kind: str, name: str) -> Repository | None:
        repository = self.hub.repositories.get((kind, name))
        return repository if repository is None or not repository.private or self._belongs(name) else None

    def _belongs(self, name: str) -> bool:
        user = self._user()
        return user is not None and name.split("/")[0] in (user.name, *user.organisations)

    def _may_write(self, name: str) -> bool:
        user = self._user()
        return user is not None and user.may_write and self._belongs(name)

    def _serve_whoami(self) -> None:
        user = self._user()
        if user is None:
            return self._refuse(401, None, "Invalid username or password.")
        organisations = [{"name": name, "type": "org"} for name in user.organisations]
        auth = {"type": "access_token", "accessToken": {"displayName": "of tests", "role": user.role}}
        self._send_json({"type": "user", "name": user.name, "orgs": organisations, "auth": auth})

    def _create(self, wanted: dict[str, Any]) -> None:
        user = self._user()
        if user is None:
            return self._refuse(401, None, "Invalid username or password.")
        name = f"{wanted.get('organization') or user.name}/{wanted['name']}"
        if not self._may_write(name):
            return self._refuse(403, None, "You don't have the rights to create a model under this namespace")
        if ("models", name) in self.hub.repositories:
            return self._refuse(409, None, "You already created this model repo")
        self.hub.add("models", name, {".gitattributes": "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
        private = wanted.get("visibility") == "private" or wanted.get("private") is True
        self.hub.repositories["models", name].private = private
        self._send_json({"url": f"{self.hub.endpoint}/{name}", "name": name, "id": "0" * 24})

    def _validate_card(self, content: str) -> None:
        errors = [{"message": message} for message in card_faults(content)]
        body = json.dumps({"errors": errors, "warnings": []}).encode()
        self._send(400 if errors else 200, body, {"Content-Type": "application/json"})

    def _serve_preupload(self, repository: Repository, kind: str, name: str, revision: str, body: bytes) -> None:
        there = {e.path: e for e in entries_of(repository, repository.refs[revision])}
        files = []
        for file in json.loads(body)["files"]:
            large = file["path"].endswith(LARGE)
            answer = {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            if file["path"] in there:
                answer["oid"] = there[file["path"]].sha256 if large else there[file["path"]].blob_id
            files.append(answer)
        self._send_json({"files": files})

    def _serve_batch(self, name: str, wanted: dict[str, Any]) -> None:
        if not self._may_write(name):
            return self._refuse(403, None, "You have no right to write here")
        objects = []
        for item in wanted["objects"]:
            answer = {"oid": item["oid"], "size": item["size"]}
            if not self._large(item["oid"]).is_file():
                answer["actions"] = {
                    "upload": {"href": f"{self.hub.endpoint}/upload/{item['oid']}", "header": {}},
                    "verify": {"href": f"{self.hub.endpoint}/verify", "header": {}},
                }
            objects.append(answer)
        self._send_json({"transfer": "basic", "objects": objects})

    def _large(self, oid: str) -> Path:
        return self.hub.root / "large" / re.sub(r"[^0-9a-f]", "", oid)

    def _take_large(self, oid: str, content: bytes) -> None:
        self._large(oid).parent.mkdir(parents=True, exist_ok=True)
        self._large(oid).write_bytes(content)
        self._send(200, b"", {})

    def _verify_large(self, wanted: dict[str, Any]) -> None:
        file = self._large(wanted["oid"])
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != wanted["oid"]:
            file.unlink(missing_ok=True)
            return self._refuse(400, None, "The object is not what its oid says")
        self._send_json({})

    def _take_commit(self, repository: Repository, kind: str, name: str, revision: str, body: bytes) -> None:
        lines = [json.loads(line) for line in body.split(b"\n") if line]
        header = lines[0]["value"]
        head = repository.refs[revision]
        if header.get("parentCommit", head) != head:
            return self._refuse(412, None, "A commit has happened since")
        files = self.hub.files(kind, name, revision)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                large = self._large(value["oid"])
                if not large.is_file():
                    return self._refuse(400, None, f"LFS object {value['oid']} was not uploaded")
                files[value["path"]] = large.read_bytes()
            else:
                return self._refuse(400, None, f"Unknown operation {line['key']}")
        commit = self.hub.add(kind, name, files, revision)
        self._send_json(
            {
                "success": True,
                "commitOid": commit,
                "commitUrl": f"{self.hub.endpoint}/{name}/commit/{commit}",
                "hookOutput": "",
            }
        )

    # ------------------------------------------------------------ files

    def _serve_file(self, kind: str, name: str, rest: list[str]) -> None:
        repository = self._visible(kind, name)
        if repository is None:
            return self._refuse(401, "RepoNotFound", "Invalid username or password.")
        if repository.gated:
            return self._refuse(403, "GatedRepo", f"Access to {name} is restricted.")
        revision, path = split_revision(repository, rest)
        commit = repository.commit_of(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        entry = Entry(path, repository.folder / commit / path)
        if not entry.file.is_file():
            return self._refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
        headers = {"X-Repo-Commit": commit, "ETag": f'"{entry.blob_id}"'}
        if not entry.is_large:
            return self._send_file(entry.file, headers)
        stored = entry.file.relative_to(self.hub.root).as_posix()
        headers |= {
            "X-Linked-Size": str(entry.file.stat().st_size),
            "X-Linked-ETag": f'"{entry.sha256}"',
            "Location": f"{self.hub.store}/{quote(stored)}",
        }
        return self._send(302, b"", headers)

    def _serve_stored(self, path: str) -> None:
        entry = Entry(path, self.hub.root / path)
        if ".." in path.split("/") or not entry.file.is_file():
            return self._refuse(404, None, "Not Found")
        return self._send_file(entry.file, {"ETag": f'"{entry.sha256}"'})

    def _send_file(self, file: Path, headers: dict[str, str]) -> None:
        content = file.read_bytes()
        status = 200
        if span := self.headers.get("Range"):
            first, _, last = span.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last) + 1 if last else len(content), len(content))
            if begin >= len(content):
                return self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            headers = {**headers, "Content-Range": f"bytes {begin}-{end - 1}/{len(content)}"}
            content, status = content[begin:end], 206
        how = self._breakage() if self.command == "GET" else ""
        if how == "error":
            return self._refuse(503, None, "Service Unavailable")
        if how == "short":
            content = content[: len(content) // 2]
        sent = {"close": len(content) // 2, "stall": 0}.get(how)
        self._send(status, content, {**headers, "Accept-Ranges": "bytes"}, sent)

    def _breakage(self) -> str:
        path = unquote(urlsplit(self.path).path)
        waiting = next((queue for end, queue in self.hub.breakage.items() if path.endswith(end) and queue), None)
        return waiting.pop(0) if waiting else ""

    # ------------------------------------------------------------ answers

    def _refuse(self, status: int, code: str | None, message: str, headers: Mapping[str, str] | None = None) -> None:
        named = {"X-Error-Code": code} if code else {}
        body = json.dumps({"error": message}).encode()
        self._send(status, body, {**named, "X-Error-Message": message, **(headers or {})})

    def _send_json(self, content: Any, headers: Mapping[str, str] | None = None) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str], sent: int | None = None) -> None:
        """``sent``: after so many bytes of the content the connection is closed."""
        self.hub.log.append(f"{self.command} {unquote(self.path)} {status}")
        if self.is_answer_lost:
            self.close_connection = True
            return
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if sent is None else content[:sent])
        if sent is not None:
            self.close_connection = True
