"""Shapes of the request log, usage, summaries and time series."""

from typing import Any

from rest_framework import serializers

from analytics.models import APILog, UsageStats


class APILogSerializer(serializers.ModelSerializer[APILog]):
    duration_ms = serializers.SerializerMethodField()

    class Meta:
        model = APILog
        fields = (
            "id",
            "timestamp",
            "method",
            "endpoint",
            "status_code",
            "duration_ms",
            "bytes_in",
            "bytes_out",
            "ip_address",
            "user_id",
            "api_key_id",
            "request_id",
            "module",
        )
        read_only_fields = fields

    def get_duration_ms(self, row: APILog) -> float:
        return row.duration_us / 1000


class UsageStatsSerializer(serializers.ModelSerializer[UsageStats]):
    user_id = serializers.UUIDField(read_only=True)
    modules = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = UsageStats
        fields = (
            "id",
            "user_id",
            "date",
            "messages_sent",
            "media_sent",
            "api_requests",
            "errors",
            "bytes_in",
            "bytes_out",
            "modules",
        )
        read_only_fields = fields


class TotalsSerializer(serializers.Serializer[Any]):
    requests = serializers.IntegerField(min_value=0)
    errors = serializers.IntegerField(min_value=0, help_text="4xx and 5xx.")  # type: ignore[assignment]
    server_errors = serializers.IntegerField(min_value=0)
    bytes_in = serializers.IntegerField(min_value=0)
    bytes_out = serializers.IntegerField(min_value=0)
    mean_ms = serializers.FloatField(allow_null=True)


class RankedSerializer(serializers.Serializer[Any]):
    requests = serializers.IntegerField(min_value=0)
    errors = serializers.IntegerField(min_value=0)  # type: ignore[assignment]
    mean_ms = serializers.FloatField()


class TopEndpointSerializer(RankedSerializer):
    method = serializers.CharField()
    endpoint = serializers.CharField()


class TopUserSerializer(RankedSerializer):
    user_id = serializers.UUIDField()
    username = serializers.CharField(allow_null=True)


class TopKeySerializer(RankedSerializer):
    api_key_id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)


class SummarySerializer(TotalsSerializer):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    error_rate = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True, help_text="Within 12 %.")
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    top_endpoints = TopEndpointSerializer(many=True)
    top_users = TopUserSerializer(many=True)
    top_keys = TopKeySerializer(many=True)


class PointSerializer(TotalsSerializer):
    start = serializers.DateTimeField()
    group = serializers.CharField(allow_null=True, help_text="The value of group_by; null for all the rest together.")
