"""The steps of the study notes, with the functions of this project: JSON, DataFrame, tokenizer, encodings, Trainer.

    python examples/notes.py raw/sample/study.json

The notes encode instruction, input and output with the tokenizer, put the three encodings into a CustomDataset, and
pass it to a Trainer. Here the layout `fields` gives the three encodings, and a `datasets.Dataset` takes the place of
the CustomDataset. The model is KoBERT twice, as encoder and as decoder: it reads instruction and input, and learns the
output.
"""

from pathlib import Path
from typing import Any

import click
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch
from datasets import Dataset
from transformers import EncoderDecoderModel, Trainer, TrainingArguments, set_seed

from ko_instruct import TokenizeOptions, ingest, normalize, tokenize, validate
from pipeline.training import FieldsCollator
from schemas.columns import MASKED


def encode(path: Path, model_name: str, max_length: int = 128) -> pa.Table:
    """The rows of a raw file with their three encodings. Rejected rows are printed, and left out."""
    table = pa.concat_tables(ingest(path))
    table = tokenize(normalize(validate(table)), model_name, TokenizeOptions(layout="fields", max_length=max_length))
    frame: pd.DataFrame = table.select(["origin", "reject_stage", "reject_detail"]).to_pandas().dropna()
    click.echo(frame.to_string(index=False) if len(frame) else "no row was rejected")
    return table.filter(pc.is_null(table["reject_stage"]))


class Prompted(FieldsCollator):
    """Instruction and input side by side for the encoder, output for the decoder."""

    def __call__(self, rows: Any) -> dict[str, torch.Tensor]:
        batch = super().__call__(rows)
        return {
            "input_ids": torch.cat([batch["instruction_ids"], batch["input_ids"]], dim=1),
            "attention_mask": torch.cat([batch["instruction_mask"], batch["input_mask"]], dim=1),
            "labels": batch["output_ids"].masked_fill(batch["output_mask"] == 0, MASKED),
        }


def train(path: str, model_name: str, out: str, **settings: Any) -> Trainer:
    columns = ["instruction_ids", "input_ids", "output_ids"]
    dataset = Dataset(encode(Path(path), model_name)).with_format("torch", columns=columns)
    set_seed(0)
    model = EncoderDecoderModel.from_encoder_decoder_pretrained(model_name, model_name)
    model.config.pad_token_id, model.config.decoder_start_token_id, model.config.eos_token_id = 1, 2, 3  # KoBERT's
    arguments = TrainingArguments(
        output_dir=out,
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        remove_unused_columns=False,  # the collator needs them: it makes the arguments of the model
        **settings,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=dataset, data_collator=Prompted(pad_id=1))
    trainer.train()
    return trainer


@click.command()
@click.argument("path")
@click.option("--model", default="skt/kobert-base-v1", show_default=True, help="Hub id or folder of a KoBERT.")
@click.option("--out", default="runs/notes", show_default=True, help="Folder for the trained model.")
@click.option("--epochs", default=3.0, show_default=True)
def main(path: str, model: str, out: str, epochs: float) -> None:
    """Train KoBERT as encoder and decoder on a raw file of instructions.

    \b
    Example: python examples/notes.py raw/sample/study.json
    """
    train(path, model, out, num_train_epochs=epochs).save_model()


if __name__ == "__main__":
    main()
