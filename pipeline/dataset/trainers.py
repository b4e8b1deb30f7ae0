"""What other trainers need to read a dataset, its text forms or its rows of layout causal: made from its manifest."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline.dataset.layout import form_file, form_folder
from schemas.manifest import Manifest, config_name
from schemas.text_forms import TextForm

#: The columns of a form in LLaMA-Factory's words. Its own names of tags are those of sharegpt.
LLAMA_FACTORY_COLUMNS: dict[TextForm, dict[str, str]] = {
    "alpaca": {
        "prompt": "instruction",
        "query": "input",
        "response": "output",
        "system": "system",
        "history": "history",
    },
    "sharegpt": {"messages": "conversations", "system": "system", "tools": "tools"},
}
#: The trainers of TRL by the form that they read.
TRL_TRAINERS: dict[TextForm, str] = {
    "messages": "SFTTrainer",
    "prompt-completion": "SFTTrainer",
    "preference": "DPOTrainer",
    "unpaired": "KTOTrainer",
}

#: The sizes of a file that OpenAI's fine-tuning takes.
OPENAI_ROWS, OPENAI_BYTES = 10, 512_000_000


class Lines(NamedTuple):
    """Lines for a trainer. `trainer`: with the form or layout that it reads. `language`: of the lines."""

    trainer: str
    language: str
    text: str


def llama_factory_datasets(manifest: Manifest) -> dict[str, Any]:
    """dataset_info.json of LLaMA-Factory: each split is a dataset of its own, and is read from Parquet."""
    return {
        _name(manifest, form, split): {
            "file_name": form_file(form, split, "parquet"),
            "formatting": form,
            "columns": columns,
        }
        for form, columns in LLAMA_FACTORY_COLUMNS.items()
        for split in _splits(manifest, form)
    }


def trainer_lines(manifest: Manifest) -> list[Lines]:
    """The lines for each trainer that reads what was written: the rows of layout causal, and the text forms.

    A form without rows in the split train has no lines: nothing in it can be learned.
    """
    found = _causal(manifest)
    trained = {form for form in manifest.forms if "train" in _splits(manifest, form)}
    found += [_trl(manifest, form) for form in TRL_TRAINERS if form in trained]
    found += [_llama_factory(manifest, form) for form in LLAMA_FACTORY_COLUMNS if form in trained]
    if "messages" in trained:
        found += [_axolotl(manifest), _torchtune(manifest)]
    if "openai" in trained:
        found.append(_openai(manifest))
    return found


def _causal(manifest: Manifest) -> list[Lines]:
    """Layout causal has ids and labels: a trainer takes the rows as they are, and applies no chat template."""
    options = manifest.options
    if options.tokenize.layout != "causal" or "parquet" not in options.export.formats:
        return []
    if "train" not in manifest.examples:
        return []
    config, splits = config_name(options), list(manifest.examples)
    settings = "max_length=None"
    about = "packing=True learns the answers alone from TRL 1.7 on; before that, only with [export] masks = true"
    if options.export.packing:
        settings = "padding_free=True, max_length=None"
        about = 'keeps the sequences of a row apart, in a model with attn_implementation="flash_attention_2"'
    lines = [
        Lines(
            f"TRL, unsloth: {config}",
            "python",
            "from datasets import load_dataset\nfrom trl import SFTConfig, SFTTrainer\n\n"
            f'dataset = load_dataset("{manifest.dataset.name}", "{config}")  # this folder, or its Hub id\n'
            f"# {about}\nargs = SFTConfig({settings})\n"
            f'trainer = SFTTrainer(model, args=args, train_dataset=dataset["train"]{_evaluated(splits)})\n',
        )
    ]
    if options.export.masks:
        datasets = _axolotl_datasets(splits, lambda split: (f"{manifest.dataset.name}/{config}", split), "    type:\n")
        lines.append(Lines(f"axolotl: {config}", "yaml", datasets))
    return lines


def _evaluated(splits: list[str]) -> str:
    return ', eval_dataset=dataset["validation"]' if "validation" in splits else ""


def _splits(manifest: Manifest, form: TextForm) -> list[str]:
    return list(manifest.forms[form].rows) if form in manifest.forms else []


def _name(manifest: Manifest, form: TextForm, split: str) -> str:
    return f"{manifest.dataset.name}-{form}-{split}"


def _trl(manifest: Manifest, form: TextForm) -> Lines:
    return Lines(
        f"TRL, unsloth: {form}",
        "python",
        f"from datasets import load_dataset\nfrom trl import {TRL_TRAINERS[form]}\n\n"
        f'dataset = load_dataset("{manifest.dataset.name}", "{form_folder(form)}")  # this folder, or its Hub id\n'
        f"{_bad_answers(manifest) if form == 'unpaired' else ''}"
        f'trainer = {TRL_TRAINERS[form]}(model, train_dataset=dataset["train"]{_evaluated(_splits(manifest, form))})\n',
    )


def _bad_answers(manifest: Manifest) -> str:
    """KTO learns from bad answers, too: the layout may have rejected them before they came to the form."""
    rejected = sum(group.rows for group in manifest.counts.rejected if group.reason == "bad-answer")
    layout = manifest.options.tokenize.layout
    hint = f"# bad answers left out: {rejected:,} (layout {layout} rejects them, and layout unpaired keeps them)\n"
    return hint if rejected else ""


def _llama_factory(manifest: Manifest, form: TextForm) -> Lines:
    evaluated = (
        f"eval_dataset: {_name(manifest, form, 'validation')}\n" if "validation" in _splits(manifest, form) else ""
    )
    return Lines(
        f"LLaMA-Factory: {form}",
        "yaml",
        f"dataset_dir: {manifest.dataset.name}  # this folder, with its dataset_info.json\n"
        f"dataset: {_name(manifest, form, 'train')}\n{evaluated}",
    )


def _axolotl(manifest: Manifest) -> Lines:
    files = {
        split: f"{manifest.dataset.name}/{form_file('messages', split, 'parquet')}"
        for split in _splits(manifest, "messages")
    }
    more = "    ds_type: parquet\n    type: chat_template\n    field_messages: messages\n"
    return Lines(
        "axolotl: messages",
        "yaml",
        _axolotl_datasets(list(files), lambda split: (files[split], "train  # of the file"), more),
    )


def _axolotl_datasets(splits: list[str], where: Callable[[str], tuple[str, str]], more: str) -> str:
    """axolotl's lists of datasets. `where`: the path of a split, and its name there. `more`: the lines of each."""
    keys = {"train": "datasets", "validation": "test_datasets"}
    places = {keys[split]: where(split) for split in splits if split in keys}
    return "".join(f"{key}:\n  - path: {path}\n    split: {split}\n{more}" for key, (path, split) in places.items())


def _torchtune(manifest: Manifest) -> Lines:
    return Lines(
        "torchtune: messages",
        "yaml",
        "dataset:\n  _component_: torchtune.datasets.chat_dataset\n  source: parquet\n"
        f"  data_files: {manifest.dataset.name}/{form_file('messages', 'train', 'parquet')}\n  split: train\n"
        "  conversation_column: messages\n  conversation_style: openai\n  train_on_input: false\n",
    )


def _openai(manifest: Manifest) -> Lines:
    name, rows = form_file("openai", "train", "jsonl"), manifest.forms["openai"].rows["train"]
    size = manifest.files[name].bytes if name in manifest.files else 0
    hints = []
    if rows < OPENAI_ROWS:
        hints.append(f"# The service takes no file of fewer than {OPENAI_ROWS} lines, and this one has {rows}.\n")
    if size > OPENAI_BYTES:
        hints.append(f"# The service takes no file of more than {OPENAI_BYTES:,} bytes, and this one has {size:,}.\n")
    return Lines(
        "OpenAI: openai",
        "python",
        "".join(hints) + "from openai import OpenAI\n\n"
        f'with open("{manifest.dataset.name}/{name}", "rb") as file:\n'
        '    OpenAI().files.create(file=file, purpose="fine-tune")\n',
    )
