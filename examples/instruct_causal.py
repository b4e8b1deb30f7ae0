"""Teach a causal language model (GPT, Llama) to follow instructions.

    ko-instruct run raw/sample/study.json raw/sample/everyday.jsonl --out processed/causal \\
        --layout causal --tokenizer EleutherAI/polyglot-ko-1.3b
    python examples/instruct_causal.py processed/causal --model EleutherAI/polyglot-ko-1.3b
"""

from typing import Any

import click
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments, set_seed

from pipeline.training import (
    LengthGroupedTrainer,
    PaddingCollator,
    check_packing,
    check_tokenizer,
    load,
    packed_collator,
)
from schemas.columns import MASKED


def train(
    dataset: str, model_name: str, out: str, push_to_hub: bool = False, layout: str = "causal", **settings: Any
) -> Trainer:
    """`dataset`: a folder below processed/ or a Hub id; packed or not. `settings`: further TrainingArguments."""
    data = {split: load(dataset, split, layout) for split in ("train", "validation")}
    tokenizer = AutoTokenizer.from_pretrained(model_name)
    check_tokenizer(data["train"], tokenizer)
    set_seed(0)
    model = AutoModelForCausalLM.from_pretrained(model_name)
    pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id  # any: it is masked
    kind: type[Trainer]
    if "position_ids" in data["train"].column_names:  # packed rows: full, and of similar length
        kind, collator = Trainer, packed_collator(model, pad_id)
        check_packing(model, collator)
    else:
        kind, collator = LengthGroupedTrainer, PaddingCollator(pad_id)
    arguments = TrainingArguments(
        output_dir=out,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        push_to_hub=push_to_hub,
        **settings,
    )
    trainer = kind(
        model=model,
        args=arguments,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        data_collator=collator,
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model()  # and publishes it, with push_to_hub
    return trainer


def answer(trainer: Trainer, dataset: Dataset, row: int, max_new_tokens: int = 128) -> str:
    """The answer of the model to the prompt of a row: the ids before the first label."""
    ids, labels = dataset[row]["input_ids"], dataset[row]["labels"]
    prompt = ids[: int((labels != MASKED).nonzero()[0])]
    written = trainer.model.generate(prompt[None].to(trainer.model.device), max_new_tokens=max_new_tokens)
    return trainer.processing_class.decode(written[0, len(prompt) :], skip_special_tokens=True)


@click.command()
@click.argument("dataset")
@click.option("--model", required=True, help="Hub id or folder of the model whose tokenizer made the dataset.")
@click.option("--out", default="runs/causal", show_default=True, help="Folder for the trained model.")
@click.option("--epochs", default=3.0, show_default=True)
@click.option("--batch-size", default=4, show_default=True)
@click.option("--learning-rate", default=2e-5, show_default=True)
@click.option(
    "--layout",
    type=click.Choice(["causal", "causal-packed"]),
    default="causal",
    show_default=True,
    help="Which layout of a Hub repository, or of a folder with only Parquet files.",
)
@click.option("--push-to-hub", is_flag=True, help="Publish the trained model.")
def main(
    dataset: str,
    model: str,
    out: str,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    layout: str,
    push_to_hub: bool,
) -> None:
    """Fine-tune a causal language model on DATASET (layout causal, packed or not).

    \b
    Example: python examples/instruct_causal.py processed/causal --model EleutherAI/polyglot-ko-1.3b
    """
    trainer = train(
        dataset,
        model,
        out,
        push_to_hub,
        layout,
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
    )
    validation = load(dataset, "validation", layout)
    row = validation.with_format(None)[0]
    click.echo(row["origins"][0] if "origins" in row else row["instruction"])  # packed rows have no texts
    click.echo(f"  answer: {answer(trainer, validation, 0)}")
    click.echo(f"the model is in {out}")


if __name__ == "__main__":
    main()
