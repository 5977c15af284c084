"""What becomes of an HTTP/2 request whose head is refused? A record and an answer; the connection lives on."""

from typing import TYPE_CHECKING

from mesh_gateway.proxy.fast_path.http2_heads import Refused
from mesh_gateway.proxy.fast_path.sides import AnswerStart
from mesh_gateway.routing.head import Framing, Version

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.connection import ClientConnection


def refuse(connection: "ClientConnection", refused: Refused) -> tuple[AnswerStart, bytes]:
    """Record the request, and give its answer."""
    front, failure = connection.front, refused.rejection.failure
    record = front.open_record(connection, Version.HTTP_2.value, refused.method, refused.path, refused.authority)
    record.request_id = front.worker.brain.new_id()
    record.failure, record.reason = failure, refused.rejection.reason
    answer = front.worker.failure_answer(failure, record, accept=refused.accept)
    body = b"" if refused.method == "HEAD" else answer.body
    record.status, record.bytes_sent = answer.status, len(body)
    front.worker.finish(record)
    return AnswerStart(answer.status, b"", tuple(front.fields_of(answer, record)), Framing.LENGTH), body
