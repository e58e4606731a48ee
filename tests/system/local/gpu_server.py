#!/usr/bin/env python3
"""An inference host with a real GPU: gpu_server.py DIRECTORY PORT. What server.mjs is without one.

An OpenAI-compatible server over a transformer of the size of an 8B model, whose weights are random:
what it answers means nothing, and what it draws is what such a model draws. Requests are batched as
they come, as inference servers do. DIRECTORY/log.jsonl has what each was, and DIRECTORY/counter.tsv,
every 100 ms, what NVIDIA's counter says of the GPU: time, mJ, mW, by NVIDIA's own Python module.
Needs torch and pynvml. Ends on SIGTERM. SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import queue
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pynvml
import torch
import torch.nn.functional as F

DIRECTORY, PORT = sys.argv[1], int(sys.argv[2])
MODELS = ("mistral-small-24b", "qwen3-8b")  # the names that clients.mjs asks for; one model is both
LAYERS, WIDTH, HEADS, GROUPS, INNER, WORDS = 32, 4096, 32, 8, 14336, 32000
SLOTS, CONTEXT = 16, 4096
SIZE = WIDTH // HEADS


class Model:
    """Llama's layers without the rotation of positions, which costs nearly nothing."""

    def __init__(self):
        def matrix(rows, columns):
            return torch.randn(rows, columns, device="cuda", dtype=torch.bfloat16) * columns**-0.5

        self.words = matrix(WORDS, WIDTH)
        self.layers = [
            {
                "qkv": matrix(WIDTH + 2 * GROUPS * SIZE, WIDTH),
                "out": matrix(WIDTH, WIDTH),
                "gate": matrix(2 * INNER, WIDTH),
                "down": matrix(WIDTH, INNER),
                "keys": torch.zeros(SLOTS, GROUPS, CONTEXT, SIZE, device="cuda", dtype=torch.bfloat16),
                "values": torch.zeros(SLOTS, GROUPS, CONTEXT, SIZE, device="cuda", dtype=torch.bfloat16),
            }
            for _ in range(LAYERS)
        ]
        self.ones = torch.ones(WIDTH, device="cuda", dtype=torch.bfloat16)

    def norm(self, x):
        return F.rms_norm(x, (WIDTH,), self.ones)

    def heads(self, layer, x):
        """Query, key and value of X (rows, positions, WIDTH), each (rows, heads, positions, SIZE)."""
        rows, positions, _ = x.shape
        parts = F.linear(self.norm(x), layer["qkv"]).split([WIDTH, GROUPS * SIZE, GROUPS * SIZE], -1)
        return [part.view(rows, positions, -1, SIZE).transpose(1, 2) for part in parts]

    def finish(self, layer, x, attended):
        x = x + F.linear(attended.transpose(1, 2).reshape(x.shape), layer["out"])
        gate, up = F.linear(self.norm(x), layer["gate"]).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, layer["down"])

    @torch.inference_mode()
    def prefill(self, slot, prompt):
        """The token after PROMPT, whose keys and values are then in SLOT."""
        x = self.words[prompt][None]
        for layer in self.layers:
            query, key, value = self.heads(layer, x)
            layer["keys"][slot, :, : len(prompt)] = key[0]
            layer["values"][slot, :, : len(prompt)] = value[0]
            x = self.finish(layer, x, F.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=True))
        return F.linear(self.norm(x[:, -1]), self.words).argmax(-1)

    @torch.inference_mode()
    def step(self, rows, words, lengths):
        """The next token of each of ROWS, slots whose last one is in WORDS, at LENGTHS."""
        x = self.words[words][:, None]
        longest = int(lengths.max()) + 1
        seen = (torch.arange(longest, device="cuda")[None] <= lengths[:, None])[:, None, None]
        for layer in self.layers:
            query, key, value = self.heads(layer, x)
            layer["keys"][rows, :, lengths] = key[:, :, 0]
            layer["values"][rows, :, lengths] = value[:, :, 0]
            x = self.finish(layer, x, F.scaled_dot_product_attention(
                query, layer["keys"][rows, :, :longest], layer["values"][rows, :, :longest],
                attn_mask=seen, enable_gqa=True))
        return F.linear(self.norm(x[:, 0]), self.words).argmax(-1)


class Request:
    def __init__(self, prompt, wanted):
        self.prompt, self.wanted = prompt, wanted
        self.made = queue.Queue()  # None for each token, and False at the end
        self.left = False  # its client has


def compute(model, waiting):
    """What the GPU does: all requests that there are room for at once, a token of each at a time."""
    slots = {}
    while True:
        while len(slots) < SLOTS and (not slots or not waiting.empty()):
            request = waiting.get()
            slot = next(i for i in range(SLOTS) if i not in slots)
            prompt = torch.randint(WORDS, (max(request.prompt, 1),), device="cuda")
            slots[slot] = [request, model.prefill(slot, prompt), len(prompt), 1]
            request.made.put(None)
        rows = sorted(slots)
        words = model.step(torch.tensor(rows, device="cuda"), torch.cat([slots[row][1] for row in rows]),
                           torch.tensor([slots[row][2] for row in rows], device="cuda"))
        torch.cuda.synchronize()
        for at, row in enumerate(rows):
            slot = slots[row]
            slot[1], slot[2] = words[at : at + 1], slot[2] + 1
            if not slot[0].left and slot[3] < slot[0].wanted:
                slot[3] += 1
                slot[0].made.put(None)
            if slot[0].left or slot[3] >= slot[0].wanted:
                slot[0].made.put(False)
                del slots[row]


def watch(stop):
    """The counter, beside iagmeter's own reading of it."""
    pynvml.nvmlInit()
    board = pynvml.nvmlDeviceGetHandleByIndex(0)
    with open(f"{DIRECTORY}/counter.tsv", "w", buffering=1) as out:
        while not stop.wait(0.1):
            energy = pynvml.nvmlDeviceGetTotalEnergyConsumption(board)
            out.write(f"{time.time():.4f}\t{energy}\t{pynvml.nvmlDeviceGetPowerUsage(board)}\n")


TOTALS = {model: dict.fromkeys(("prompt", "cached", "generated", "stop", "abort"), 0) for model in MODELS}
LOCK = threading.Lock()


def metrics():
    lines = []
    for model, total in TOTALS.items():
        for name, key, more in (("prompt_tokens", "prompt", ""), ("prompt_tokens_cached", "cached", ""),
                                ("generation_tokens", "generated", ""),
                                ("request_success", "stop", 'finished_reason="stop",'),
                                ("request_success", "abort", 'finished_reason="abort",')):
            lines.append(f'vllm:{name}_total{{engine="0",{more}model_name="{model}"}} {total[key]}.0\n')
    return "".join(lines)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def whole(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def event(self, value):
        text = f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def do_GET(self):
        if self.path == "/metrics":
            self.whole(200, metrics(), "text/plain")
        else:
            self.whole(404, "{}")

    def stream(self, request, chunk, usage):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        made = 0
        try:
            while request.made.get() is None:
                made += 1
                self.event({**chunk, "choices": [{"index": 0, "delta": {"content": " oui"}, "finish_reason": None}]})
            self.event({**chunk, "choices": [], "usage": usage(made)})
            self.event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            request.left = True
            self.close_connection = True
        return made

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["model"] not in MODELS:
            return self.whole(404, json.dumps({"error": {"message": "no such model", "code": 404}}))
        # The test says how long prompt and answer are; the text is only there to be carried.
        tokens_in, cached, wanted = map(int, asked["metadata"].split("/"))
        if tokens_in + wanted > CONTEXT:
            return self.whole(400, json.dumps({"error": {"message": "too long", "code": 400}}))
        began, request = time.time(), Request(tokens_in - cached, wanted)
        chunk = {"id": f"chatcmpl-{os.urandom(6).hex()}", "object": "chat.completion.chunk", "model": asked["model"]}

        def usage(made):
            return {"prompt_tokens": tokens_in, "completion_tokens": made, "total_tokens": tokens_in + made,
                    "prompt_tokens_details": {"cached_tokens": cached}}

        WAITING.put(request)
        if asked.get("stream"):
            made = self.stream(request, chunk, usage)
        else:
            made = 0
            while request.made.get() is None:
                made += 1
            self.whole(200, json.dumps({**chunk, "object": "chat.completion", "usage": usage(made), "choices": [
                {"index": 0, "message": {"role": "assistant", "content": " oui" * made}, "finish_reason": "stop"}]}))
        with LOCK:
            total = TOTALS[asked["model"]]
            for key, value in (("prompt", tokens_in), ("cached", cached), ("generated", made),
                               ("abort" if request.left else "stop", 1)):
                total[key] += value
            with open(f"{DIRECTORY}/log.jsonl", "a") as log:
                log.write(json.dumps({
                    "began": began, "ended": time.time(), "model": asked["model"],
                    "direction": self.headers.get("X-Direction", ""), "tokensIn": tokens_in, "cached": cached,
                    "tokens": made, "aborted": request.left, "streamed": bool(asked.get("stream"))}) + "\n")


WAITING = queue.Queue()
STOP = threading.Event()
MODEL = Model()
MODEL.prefill(0, torch.zeros(64, device="cuda", dtype=torch.long))
torch.cuda.synchronize()
threading.Thread(target=compute, args=(MODEL, WAITING), daemon=True).start()
WATCHER = threading.Thread(target=watch, args=(STOP,))
WATCHER.start()
SERVER = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
SERVER.daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=SERVER.shutdown).start())
print("listening", flush=True)
SERVER.serve_forever()
STOP.set()
WATCHER.join()
os._exit(0)  # the thread of the GPU waits for requests that do not come
