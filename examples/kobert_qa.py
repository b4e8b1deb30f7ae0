"""Teach KoBERT to find the answer to a question in a text, as with KorQuAD.

make processed CONFIG=examples/qa.toml
python examples/kobert_qa.py examples/processed/qa
"""

from typing import Any

import click
import numpy as np
from datasets import Dataset
from transformers import BertForQuestionAnswering, Trainer, TrainingArguments, set_seed

from pipeline.kobert import KoBERTTokenizer
from pipeline.training import PaddingCollator, check_tokenizer, load

#: Longest answer in tokens.
LONGEST = 30


def train(dataset: str, model_name: str, out: str, push_to_hub: bool = False, **settings: Any) -> Trainer:
    """`dataset`: a folder below processed/ or a Hub id. `settings`: further TrainingArguments."""
    data = {split: load(dataset, split, "qa") for split in ("train", "validation")}
    tokenizer = KoBERTTokenizer.from_pretrained(model_name)
    check_tokenizer(data["train"], tokenizer)
    set_seed(0)
    model = BertForQuestionAnswering.from_pretrained(model_name)
    arguments = TrainingArguments(
        output_dir=out,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        push_to_hub=push_to_hub,
        **settings,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        data_collator=PaddingCollator(tokenizer.pad_token_id),
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model()  # and publishes it, with push_to_hub
    return trainer


def answers(trainer: Trainer, dataset: Dataset) -> dict[str, tuple[str, str, str]]:
    """For each `origin`: question, predicted answer, expected answer. Of several windows the best one counts."""
    starts, ends = trainer.predict(dataset).predictions
    best: dict[str, tuple[float, str]] = {}
    texts = {}
    for row, start, end in zip(dataset.with_format(None), starts, ends, strict=True):
        score, found = span(row, start, end)
        if score > best.get(row["origin"], (-np.inf, ""))[0]:
            best[row["origin"]] = score, found
        texts[row["origin"]] = row["instruction"], row["output"]
    return {origin: (texts[origin][0], found, texts[origin][1]) for origin, (_, found) in best.items()}


def span(row: dict[str, Any], start: np.ndarray, end: np.ndarray) -> tuple[float, str]:
    """The most likely answer in one window: its score, and its text in the context (`input`)."""
    inside = np.flatnonzero(np.array(row["offset_starts"]) >= 0)  # the tokens of the context, one after the other
    scores = start[inside][:, None] + end[inside][None, :]
    allowed = np.triu(np.ones_like(scores)) - np.triu(np.ones_like(scores), LONGEST)
    first, last = np.unravel_index(np.where(allowed > 0, scores, -np.inf).argmax(), scores.shape)
    text = row["input"][row["offset_starts"][inside[first]] : row["offset_ends"][inside[last]]]
    return float(scores[first, last]), text


@click.command()
@click.argument("dataset")
@click.option("--model", default="skt/kobert-base-v1", show_default=True, help="Hub id or folder of a KoBERT.")
@click.option("--out", default="runs/qa", show_default=True, help="Folder for the trained model.")
@click.option("--epochs", default=3.0, show_default=True)
@click.option("--batch-size", default=16, show_default=True)
@click.option("--learning-rate", default=3e-5, show_default=True)
@click.option("--push-to-hub", is_flag=True, help="Publish the trained model.")
def main(
    dataset: str, model: str, out: str, epochs: float, batch_size: int, learning_rate: float, push_to_hub: bool
) -> None:
    """Fine-tune KoBERT on DATASET (layout qa).

    \b
    Example: python examples/kobert_qa.py examples/processed/qa --epochs 3
    """
    trainer = train(
        dataset,
        model,
        out,
        push_to_hub,
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
    )
    found = answers(trainer, load(dataset, "validation", "qa"))
    for question, answer, expected in list(found.values())[:5]:
        click.echo(f"{question}\n  predicted: {answer}\n  expected: {expected}")
    exact = sum(answer == expected for _, answer, expected in found.values())
    click.echo(f"exact answers on validation: {exact} of {len(found)}; the model is in {out}")


if __name__ == "__main__":
    main()
