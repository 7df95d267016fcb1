"""A backend that refuses its first two requests with RESOURCE_EXHAUSTED and takes the others. Prints what came.

Arguments: port, and `retry-info` (the refusals ask for three seconds) or `bare` (they ask for nothing).
"""

import json
import signal
import sys
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

port, how = sys.argv[1:]
lock = threading.Lock()
refusals = 0


class Backend(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        global refusals
        scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
        spans = sorted(span.span_id.hex() for scope in scopes for span in scope.spans)
        with lock:
            taken = refusals >= 2
            refusals += not taken
            print(json.dumps({"at": time.monotonic(), "taken": taken, "spans": spans}), flush=True)
        if not taken:
            if how == "retry-info":
                detail = any_pb2.Any()
                detail.Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=3)))
                status = status_pb2.Status(code=8, message="busy", details=[detail])
                context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
        return trace_service_pb2.ExportTraceServiceResponse()


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Backend(), server)
server.add_insecure_port(f"127.0.0.1:{port}")
server.start()
print("listening", flush=True)
signal.signal(signal.SIGTERM, lambda *_: server.stop(0))
server.wait_for_termination()
