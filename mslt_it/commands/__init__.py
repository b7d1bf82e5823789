"""The commands of `mslt`. A command's module is imported when it is called."""

# command -> (module that declares it, one line)
COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("mslt_it.commands.train", "build the data, train the adapter, score every target language"),
    "data": ("mslt_it.commands.data", "build the training data and print the report, without training"),
    "tasks": ("mslt_it.commands.tasks", "the tasks: labels, languages, where rows come from, how it is asked"),
    "recipes": ("mslt_it.commands.recipes", "the recipes, scales and tasks, a line each"),
    "select": ("mslt_it.commands.select", "rank sets of source languages, before anything is labelled or trained"),
    "eval": ("mslt_it.commands.eval", "score models and adapters in many languages and ways of asking"),
    "merge": ("mslt_it.commands.merge", "merge a run's adapter into its base, measured against the live one"),
    "combine": ("mslt_it.commands.combine", "several runs' adapters as one, exactly or to a rank, scored"),
    "export": ("mslt_it.commands.export", "a run in the forms others load: safetensors, vLLM, GGUF; on a hub"),
    "predict": ("mslt_it.commands.predict", "label the rows of a file with a finished run"),
    "study": ("mslt_it.commands.study", "every set of source languages of a pool, as a study that can be resumed"),
    "report": ("mslt_it.commands.report", "a study as one HTML page: tables, figures, sentences made of its figures"),
    "world": ("mslt_it.commands.world", "look into the embedded world"),
    "completion": ("mslt_it.commands.completion", "a script for bash or zsh to complete commands, keys and recipes"),
}
