"""A causal or sequence-to-sequence model of transformers, on this machine. Torch is imported here and nowhere else."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.self_instruct.errors import GeneratorError
from schemas.errors import install
from schemas.self_instruct import Answer, Request, Sampling


class LocalModel:
    """A model in a folder or on the Hub. A model with a chat template gets each prompt as a user's turn.

    What is drawn for a request depends on its seed alone, whatever else is in the batch. (The logits may
    still differ in their last bits between batch sizes, as matrix products do on any hardware.)
    """

    def __init__(self, name: str, *, batch: int) -> None:
        try:
            import torch
        except ImportError as error:
            raise GeneratorError(f"a local model needs torch: {install('train')}") from error
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

        self.name = Path(name).resolve().name if Path(name).exists() else name
        self.batch = batch
        try:
            seq2seq = AutoConfig.from_pretrained(name).is_encoder_decoder
            kind = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
            self.tokenizer = AutoTokenizer.from_pretrained(name, padding_side="right" if seq2seq else "left")
            self.model = kind.from_pretrained(name, dtype="auto").eval()
        except (OSError, ValueError) as error:
            raise GeneratorError(f"{name} cannot be loaded as a model that generates: {error}") from error
        self.seq2seq: bool = seq2seq
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model.to(self.device)
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def answers(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Answer]:
        for start in range(0, len(requests), self.batch):
            yield from self._batch(requests[start : start + self.batch], sampling)

    def _batch(self, requests: Sequence[Request], sampling: Sampling) -> list[Answer]:
        import torch
        from transformers import GenerationConfig

        tokens = self._encode([request.prompt for request in requests])
        read = tokens["attention_mask"].sum(dim=1).tolist()
        self._check_room(max(read), sampling.max_tokens)
        ends = self.model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [self.tokenizer.eos_token_id if ends is None else ends]
        config = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False,
            max_new_tokens=sampling.max_tokens,
            eos_token_id=ends,
            pad_token_id=self.tokenizer.pad_token_id,
            bos_token_id=self.model.generation_config.bos_token_id,
            decoder_start_token_id=self.model.generation_config.decoder_start_token_id,
        )
        with torch.inference_mode():
            written = self.model.generate(
                **tokens,
                generation_config=config,
                logits_processor=sampler(sampling, [request.seed for request in requests]),
                stop_strings=list(sampling.stop) or None,
                tokenizer=self.tokenizer,
            )
        written = written[:, 1 if self.seq2seq else tokens["input_ids"].shape[1] :].tolist()
        return [self._answer(*pair, set(ends), sampling) for pair in zip(read, written, strict=True)]

    def _encode(self, prompts: list[str]) -> Any:
        if not self.tokenizer.chat_template:
            return self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        turns = [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,  # for the templates that know it: a thought is not an answer
            )
            for prompt in prompts
        ]
        return self.tokenizer(turns, padding=True, return_tensors="pt", add_special_tokens=False).to(self.device)

    def _check_room(self, longest: int, new: int) -> None:
        """Raises GeneratorError where prompt and answer do not fit into the positions of the model."""
        room = getattr(self.model.config, "max_position_embeddings", None)
        needed = max(longest, new) if self.seq2seq else longest + new
        if room is not None and needed > room:
            raise GeneratorError(
                f"{self.name} has room for {room} tokens, and a prompt of {longest} with an answer of {new} needs "
                f"{needed}: give a smaller --max-tokens, shorter seeds, or a model with a longer context"
            )

    def _answer(self, read: int, written: list[int], ends: set[int], sampling: Sampling) -> Answer:
        over = ends | {self.tokenizer.pad_token_id}
        length = next((place for place, token in enumerate(written) if token in over), len(written))
        text = str(self.tokenizer.decode(written[:length], skip_special_tokens=True))
        cut = min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=None)
        done = cut is not None or length < len(written)
        return Answer(
            text=text[:cut],
            finish="stop" if done else "length",
            prompt_tokens=read,
            completion_tokens=length,
        )


def sampler(sampling: Sampling, seeds: Sequence[int]) -> Any:
    """Logits processors after which the greatest logit is a draw from the distribution: the Gumbel-max trick.

    To the logits of each row comes noise of its own generator, so that a row's draws do not depend on its neighbours.
    """
    import torch
    from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

    if sampling.temperature == 0:
        return LogitsProcessorList()
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]

    def add_noise(_: Any, scores: Any) -> Any:
        waits = [torch.empty(scores.shape[-1]).exponential_(generator=generator) for generator in generators]
        return scores - torch.stack(waits).log().to(scores)

    processors: list[Any] = [TemperatureLogitsWarper(sampling.temperature)]
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    return LogitsProcessorList([*processors, add_noise])
