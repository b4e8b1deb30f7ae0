"""Teach an encoder-decoder (T5, BART) to follow instructions.

    ko-instruct run raw/sample/study.json raw/sample/everyday.jsonl --out processed/seq2seq \\
        --layout seq2seq --tokenizer gogamza/kobart-base-v2
    python examples/instruct_seq2seq.py processed/seq2seq --model gogamza/kobart-base-v2
"""

from typing import Any

import click
from datasets import Dataset
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, Trainer, TrainingArguments, set_seed

from pipeline.training import LengthGroupedTrainer, PaddingCollator, check_tokenizer, load


def train(dataset: str, model_name: str, out: str, push_to_hub: bool = False, **settings: Any) -> Trainer:
    """`dataset`: a folder below processed/ or a Hub id. `settings`: further TrainingArguments."""
    data = {split: load(dataset, split, "seq2seq") for split in ("train", "validation")}
    tokenizer = AutoTokenizer.from_pretrained(model_name)
    check_tokenizer(data["train"], tokenizer)
    set_seed(0)
    model = AutoModelForSeq2SeqLM.from_pretrained(model_name)
    arguments = TrainingArguments(
        output_dir=out,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        push_to_hub=push_to_hub,
        **settings,
    )
    trainer = LengthGroupedTrainer(
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


def answer(trainer: Trainer, dataset: Dataset, row: int, max_new_tokens: int = 128) -> str:
    """The answer of the model to the prompt of a row."""
    batch = trainer.data_collator([dataset[row]])
    prompt = {name: batch[name].to(trainer.model.device) for name in ("input_ids", "attention_mask")}
    written = trainer.model.generate(**prompt, max_new_tokens=max_new_tokens)
    return trainer.processing_class.decode(written[0], skip_special_tokens=True)


@click.command()
@click.argument("dataset")
@click.option("--model", required=True, help="Hub id or folder of the model whose tokenizer made the dataset.")
@click.option("--out", default="runs/seq2seq", show_default=True, help="Folder for the trained model.")
@click.option("--epochs", default=3.0, show_default=True)
@click.option("--batch-size", default=8, show_default=True)
@click.option("--learning-rate", default=5e-5, show_default=True)
@click.option("--push-to-hub", is_flag=True, help="Publish the trained model.")
def main(
    dataset: str, model: str, out: str, epochs: float, batch_size: int, learning_rate: float, push_to_hub: bool
) -> None:
    """Fine-tune an encoder-decoder on DATASET (layout seq2seq).

    \b
    Example: python examples/instruct_seq2seq.py processed/seq2seq --model gogamza/kobart-base-v2
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
    validation = load(dataset, "validation", "seq2seq")
    click.echo(validation.with_format(None)[0]["instruction"])
    click.echo(f"  answer: {answer(trainer, validation, 0)}")
    click.echo(f"the model is in {out}")


if __name__ == "__main__":
    main()
