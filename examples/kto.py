"""Teach a causal language model from answers that are labelled as good or bad (KTO), with TRL.

    ko-instruct run examples/raw/politeness.jsonl --out processed/unpaired \\
        --layout unpaired --tokenizer kakaocorp/kanana-1.5-2.1b-instruct-2505
    python examples/kto.py processed/unpaired --model kakaocorp/kanana-1.5-2.1b-instruct-2505
"""

from typing import Any

import click
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import KTOConfig

from pipeline.training import check_tokenizer, load
from pipeline.training.trl_trainers import UnpairedTrainer


def train(dataset: str, model_name: str, out: str, push_to_hub: bool = False, **settings: Any) -> UnpairedTrainer:
    """`dataset`: a folder below processed/ or a Hub id. `settings`: more of KTOConfig."""
    # The two answers of a pair are neighbours, but KTO compares an answer with one to another prompt, which it takes
    # from the neighbour: so the rows are shuffled.
    data = {split: load(dataset, split, "unpaired").shuffle(seed=0) for split in ("train", "validation")}
    tokenizer = AutoTokenizer.from_pretrained(model_name)
    check_tokenizer(data["train"], tokenizer)
    set_seed(0)
    arguments = KTOConfig(
        output_dir=out,
        bf16=torch.cuda.is_available(),
        max_length=None,  # no row is longer than the dataset's own max_length
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        push_to_hub=push_to_hub,
        **settings,
    )
    trainer = UnpairedTrainer(
        model=AutoModelForCausalLM.from_pretrained(model_name),
        args=arguments,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model()  # and publishes it, with push_to_hub
    return trainer


@click.command()
@click.argument("dataset")
@click.option("--model", required=True, help="Hub id or folder of the model whose tokenizer made the dataset.")
@click.option("--out", default="runs/kto", show_default=True, help="Folder for the trained model.")
@click.option("--epochs", default=1.0, show_default=True)
@click.option("--batch-size", default=8, show_default=True, help="At least 2.")
@click.option("--learning-rate", default=1e-6, show_default=True)
@click.option("--push-to-hub", is_flag=True, help="Publish the trained model.")
def main(
    dataset: str, model: str, out: str, epochs: float, batch_size: int, learning_rate: float, push_to_hub: bool
) -> None:
    """Train a causal language model on the labelled answers of DATASET (layout unpaired).

    \b
    Example: python examples/kto.py processed/unpaired --model kakaocorp/kanana-1.5-2.1b-instruct-2505
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
    click.echo(f"loss on validation: {trainer.evaluate()['eval_loss']:.4f}")
    click.echo(f"the model is in {out}")


if __name__ == "__main__":
    main()
