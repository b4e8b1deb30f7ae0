"""Teach KoBERT to tell good reviews from bad ones.

make processed CONFIG=examples/sentiment.toml
python examples/kobert_sentiment.py examples/processed/sentiment
"""

from typing import Any

import click
from transformers import BertForSequenceClassification, EvalPrediction, Trainer, TrainingArguments, set_seed

from pipeline.kobert import KoBERTTokenizer
from pipeline.training import PaddingCollator, check_tokenizer, load, manifest_of


def accuracy(predicted: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((predicted.predictions.argmax(-1) == predicted.label_ids).mean())}


def train(dataset: str, model_name: str, out: str, push_to_hub: bool = False, **settings: Any) -> Trainer:
    """`dataset`: a folder below processed/ or a Hub id. `settings`: further TrainingArguments."""
    data = {split: load(dataset, split, "classification") for split in ("train", "validation")}
    labels = manifest_of(dataset, "classification").options.tokenize.labels
    tokenizer = KoBERTTokenizer.from_pretrained(model_name)
    check_tokenizer(data["train"], tokenizer)
    set_seed(0)
    model = BertForSequenceClassification.from_pretrained(
        model_name,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
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
        compute_metrics=accuracy,
    )
    trainer.train()
    trainer.save_model()  # and publishes it, with push_to_hub
    return trainer


@click.command()
@click.argument("dataset")
@click.option("--model", default="skt/kobert-base-v1", show_default=True, help="Hub id or folder of a KoBERT.")
@click.option("--out", default="runs/sentiment", show_default=True, help="Folder for the trained model.")
@click.option("--epochs", default=5.0, show_default=True)
@click.option("--batch-size", default=16, show_default=True)
@click.option("--learning-rate", default=3e-5, show_default=True)
@click.option("--push-to-hub", is_flag=True, help="Publish the trained model.")
def main(
    dataset: str, model: str, out: str, epochs: float, batch_size: int, learning_rate: float, push_to_hub: bool
) -> None:
    """Fine-tune KoBERT on DATASET (layout classification).

    \b
    Example: python examples/kobert_sentiment.py examples/processed/sentiment --epochs 3
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
    click.echo(f"accuracy on validation: {trainer.evaluate()['eval_accuracy']:.1%}; the model is in {out}")


if __name__ == "__main__":
    main()
