"""Files: uploaded, looked at, taken back while they were not sent."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.http import FileResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.chat import file_serializers as shapes
from api.views import APIView, parsed
from core.parsers import UploadParser
from modules.chat.choices import FileKind
from modules.chat.models import ChatFile
from modules.chat.services import uploads

READ, WRITE = "chat:read", "chat:write"
# What a form adds to the file in it.
FORM_BYTES = 65_536
_SHOWN = shapes.ChatFileSerializer()


class ChatFileParser(UploadParser):
    """A form with one file."""

    @property
    def max_bytes(self) -> int:  # type: ignore[override]  # the operator's
        """As large as a file may be, and the form around it."""
        limit: int = settings.CHAT_FILE_MAX_BYTES
        return limit + FORM_BYTES


class ChatFilesView(APIView):
    parser_classes = (ChatFileParser,)
    scopes: ClassVar[dict[str, str]] = {"POST": WRITE}

    @extend_schema(
        summary="Upload a file",
        request={"multipart/form-data": shapes.ChatFileUploadSerializer},
        responses={201: shapes.ChatFileSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keep a file to be sent with a message, by its id, within a day. It is told by its content; pictures are made anew,
        without hidden parts, and get a smaller copy and a blurhash. Guests may upload, too.
        """
        upload = parsed(shapes.ChatFileUploadSerializer, request)["file"]
        file = uploads.upload(owner_id=self.principal.user_id, content=upload, size=upload.size, filename=upload.name)
        headers = {"Location": f"{request.path}{file.pk}/"}
        return Response(_SHOWN.to_representation(file), status=201, headers=headers)


class ChatFileView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "DELETE": WRITE}

    @extend_schema(summary="Get a file's description", responses=shapes.ChatFileSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """What it is: one's own that was not sent, or one of a message that one sees."""
        return Response(_SHOWN.to_representation(uploads.find(user_id=self.principal.user_id, file_id=pk)))

    @extend_schema(summary="Delete a file", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Take back a file that was not sent. One that was goes with its message (409 `file_sent`)."""
        uploads.delete(owner_id=self.principal.user_id, file_id=pk)
        return Response(status=204)


class _BytesView(APIView):
    is_small: ClassVar[bool]
    scopes: ClassVar[dict[str, str]] = {"GET": READ}

    def answer(self, pk: UUID) -> Any:
        """The bytes of a file that the caller sees: pictures to be shown, everything else as a download."""
        file = uploads.find(user_id=self.principal.user_id, file_id=pk)
        opened = uploads.opened(file=file, is_small=self.is_small)
        is_picture = file.kind == FileKind.IMAGE
        kind = ("image/webp" if self.is_small else file.mime_type) if is_picture else "application/octet-stream"
        answer = FileResponse(opened, as_attachment=not is_picture, filename=_name(file, self.is_small), content_type=kind)
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer["Cache-Control"] = "private, max-age=3600"
        return answer


class ChatFileContentView(_BytesView):
    is_small = False

    @extend_schema(
        summary="Get a file",
        responses={(200, "application/octet-stream"): OpenApiResponse(bytes, description="The file.")},
    )
    def get(self, request: Request, pk: UUID) -> Any:
        """The file itself: a picture as what it is, anything else as a download, for nobody's file is shown as a page of ours."""
        return self.answer(pk)


class ChatFileThumbnailView(_BytesView):
    is_small = True

    @extend_schema(
        summary="Get a picture's smaller copy",
        responses={(200, "image/webp"): OpenApiResponse(bytes, description="At most 480 pixels wide and high.")},
    )
    def get(self, request: Request, pk: UUID) -> Any:
        """A WebP; 404 for what is no picture."""
        return self.answer(pk)


def _name(file: ChatFile, is_small: bool) -> str:  # noqa: FBT001 - a fact of the view's
    return f"{file.filename.rpartition('.')[0]}.webp" if is_small else file.filename
