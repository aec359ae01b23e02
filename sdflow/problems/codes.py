"""Every code that sdflow can answer with, in one table; `docs/errors.md` is made from it.

The hundreds are rooms: 1 the text and form of a recipe, 2 the graph, 3 models and input files,
4 diffusion, 5 the store, 6 devices and running, 7 the command line, 8 what `sdflow lint` points at.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means, for a reader who meets it for the first time."""

    title: str
    explanation: str


CODES: dict[str, Code] = {
    # 1xx: the text and form of a recipe
    "SDF100": Code(
        "cannot read the file", "The file does not exist, is a folder, or the system refused to read it."
    ),
    "SDF101": Code(
        "not UTF-8 text", "A recipe is a text file in UTF-8; this one is binary or in another encoding."
    ),
    "SDF102": Code("empty file", "The file holds nothing, or only comments."),
    "SDF103": Code("too large", "The file is longer, nested deeper or holds more values than sdflow reads."),
    "SDF104": Code(
        "byte order mark", "The file begins with an invisible U+FEFF. Save it as UTF-8 without BOM."
    ),
    "SDF105": Code("not valid YAML", "The text breaks the rules of YAML at this place."),
    "SDF106": Code("tab", "YAML is indented with spaces only; a tab stands where they should."),
    "SDF107": Code(
        "invisible character", "A control character or an unusual line separator stands in the text."
    ),
    "SDF108": Code(
        "duplicate key", "A key stands twice in one mapping, so that one of its values would be lost."
    ),
    "SDF109": Code("tag", "YAML tags (`!…`) are not part of recipes: they could name code."),
    "SDF110": Code("merge key", "`<<` is not part of YAML 1.2. Write the keys out, or use a param."),
    "SDF111": Code("several documents", "One file holds one recipe; a second `---` begins another document."),
    "SDF112": Code("key is not a text", "Keys are texts. Quote a key such as `1`, `true` or `null`."),
    "SDF113": Code("bad alias", "An alias (`*name`) is undefined, contains itself, or repeats too much."),
    "SDF114": Code("not a usable number", "Numbers are finite, and integers fit into 64 bits."),
    "SDF115": Code("directive", "Of YAML's directives (`%…`) only `%YAML 1.2` may stand in a recipe."),
    "SDF116": Code(
        "other format version", "`sdflow:` names a version of the recipe format that this sdflow cannot read."
    ),
    "SDF117": Code("unknown key", "A recipe, a param or a values file has no such key."),
    "SDF118": Code("missing key", "A key that every recipe needs was left out."),
    "SDF119": Code(
        "wrong form", "A part of the recipe has another form than it must have, such as a text for a list."
    ),
    "SDF120": Code(
        "bad name", "Names of nodes and params are letters, digits, `-` and `_`, beginning with a letter."
    ),
    "SDF121": Code(
        "reserved name", "The name means something of its own, as `params` does in `$params.seed`."
    ),
    "SDF122": Code("reserved output form", "A mapping as an output is kept for richer outputs to come."),
    "SDF130": Code(
        "bad reference", "A value that begins with `$` is no reference. `$$` writes a literal `$`."
    ),
    "SDF131": Code(
        "unknown param", "A reference, an option or a values file names a param that is not declared."
    ),
    "SDF132": Code(
        "bad param declaration", "A param's type, limits, choices and default do not fit together."
    ),
    "SDF133": Code(
        "wrong param value", "The value has not the param's type, or lies outside its limits or choices."
    ),
    "SDF134": Code("param without a value", "The param has no default, and nothing gave it a value."),
    "SDF135": Code("no effect", "A value was given for a param that no node and no output uses."),
    "SDF136": Code("bad option", "An option of the command line has another form than `name=value`."),
    "SDF137": Code("no such field to set", "`-s` names a place that the recipe does not have."),
    "SDF140": Code("unknown axis", "The matrix varies a param that is not declared."),
    "SDF141": Code(
        "bad matrix", "An axis is empty or repeats a value, or two options contradict each other."
    ),
    "SDF142": Code(
        "nothing left", "Every combination of the matrix is excluded, or an exclude matches none."
    ),
    "SDF143": Code("too many cells", "The matrix has more combinations than one run takes."),
    "SDF150": Code("bad file name", "The name of an output file breaks the rules of path templates."),
    "SDF151": Code("unknown placeholder", "A `{…}` in the name of an output file means nothing."),
    "SDF152": Code("bad number format", "The part after `:` in a placeholder is no format for this value."),
    "SDF153": Code("path outside", "An output would be written outside the output folder."),
    "SDF154": Code("outputs collide", "Two outputs would be written to one file."),
    "SDF155": Code("name not portable", "A file or folder name that some systems cannot store."),
    # 2xx: the graph
    "SDF201": Code("unknown node type", "`type:` names no node type. `sdflow nodes` lists them all."),
    "SDF202": Code("unknown field", "The node type has no such field. `sdflow nodes TYPE` lists its fields."),
    "SDF203": Code("missing field", "A field without a default was left out."),
    "SDF204": Code("wrong value", "The value has the wrong type or lies outside its range."),
    "SDF205": Code("wrong kind", "An output of one kind was wired to an input of another kind."),
    "SDF206": Code("unknown node", "A reference names a node that the recipe does not have."),
    "SDF207": Code("unknown output", "A reference names an output that the node does not have."),
    "SDF208": Code("cycle", "Nodes wait for each other in a circle, so that none of them could ever start."),
    "SDF209": Code("not a port", "A field that takes a plain value was given the output of a node."),
    "SDF210": Code(
        "reference needed", "An input takes the output of a node, written `$node`, and got something else."
    ),
    "SDF211": Code(
        "shapes do not fit", "Sizes, batches or spaces of the wired values do not fit each other."
    ),
    "SDF212": Code("not an output file", "A value of this kind cannot be written under this file name."),
    "SDF213": Code("a batch needs {index}", "Several pictures cannot be written to one file name."),
    "SDF216": Code("broken extension", "An installed package offers a node type that cannot be used."),
    "SDF215": Code("nothing to do", "A recipe without outputs has nothing that needs to run."),
    "SDF214": Code("fields exclude each other", "Two fields were given of which only one can hold."),
    # 30x and 31x: models
    "SDF301": Code(
        "not a model source",
        "A source is a hub id `owner/name`, a folder or file, `https://…`, `civitai:VERSION`, or `builtin:NAME`.",
    ),
    "SDF302": Code("model not found", "The folder does not exist, or the hub has no such repository."),
    "SDF303": Code("unsupported model", "A model, or part of one, of a kind that sdflow does not run."),
    "SDF304": Code("not a model folder", "The folder holds no diffusers pipeline and no component of one."),
    "SDF305": Code(
        "broken weight file", "A weight file is incomplete, a placeholder, or something else entirely."
    ),
    "SDF306": Code(
        "part missing", "The model lacks a component, or a file that a component cannot do without."
    ),
    "SDF307": Code("unknown variant", "The model has no weight files of this variant."),
    "SDF308": Code(
        "parts do not fit", "Components that do not belong together, such as a UNet and a text encoder."
    ),
    "SDF309": Code(
        "hub not reachable", "A model is not on this machine and the hub could not be asked for it."
    ),
    "SDF310": Code("no access", "The repository is gated or private: log in, and accept its licence first."),
    "SDF311": Code("unknown revision", "The repository has no such branch, tag or commit."),
    "SDF312": Code(
        "unknown built-in model", "`builtin:NAME` names a model that sdflow does not bring along."
    ),
    "SDF313": Code(
        "no space for the download", "The disk of the hub cache has less space left than the model needs."
    ),
    "SDF314": Code("broken configuration", "A model's JSON file cannot be read, or lacks what is needed."),
    "SDF315": Code("unknown subfolder", "The model has no such subfolder."),
    "SDF316": Code("custom code", "The model brings Python code of its own, which sdflow never runs."),
    "SDF317": Code(
        "download failed", "A file did not arrive whole. What has arrived is kept; run again to go on."
    ),
    "SDF318": Code(
        "no sha256",
        "A file on the web is named with its sha256: `sdflow model fetch` downloads it and tells it.",
    ),
    "SDF319": Code("another file", "A file has another sha256 than the recipe gives."),
    "SDF320": Code(
        "configuration unknown",
        "A single file does not tell all of its configuration: `config` or `prediction-type` says the rest.",
    ),
    "SDF330": Code(
        "unreadable adapter", "A file is no LoRA, or a change of a kind that sdflow does not read."
    ),
    "SDF331": Code("LoRA for another model", "A LoRA was made for another family of models."),
    "SDF332": Code("not a textual inversion", "The file holds something else than the vectors of one word."),
    "SDF333": Code(
        "textual inversion does not fit", "Its vectors are for text encoders of another family, or too many."
    ),
    "SDF373": Code(
        "built-in of another kind",
        "`builtin:NAME` is something that another node takes: a model, a LoRA, a textual inversion, a ControlNet.",
    ),
    "SDF358": Code(
        "unreadable IP-Adapter", "A file is no IP-Adapter, or one of a kind that sdflow does not read."
    ),
    "SDF359": Code(
        "IP-Adapter does not fit",
        "An IP-Adapter was made for another family of models, or with another image encoder.",
    ),
    # 34x: input pictures
    "SDF341": Code("no such picture", "The file of an input picture does not exist, or is a folder."),
    "SDF342": Code("not a picture", "The file holds something else than a picture, whatever its name says."),
    "SDF343": Code("unsupported picture", "sdflow does not read this kind of picture. Save it as PNG."),
    "SDF344": Code("damaged picture", "The file begins as a picture but cannot be read to its end."),
    "SDF345": Code("picture too large", "The picture has more pixels than sdflow takes; shrink it first."),
    "SDF346": Code("unreadable picture", "The system refused to read the file: mostly its permissions."),
    "SDF347": Code("impossible size", "A resize whose width, height, scale or fit name no possible size."),
    "SDF348": Code("impossible sheet", "Labels or columns of a contact sheet do not match its pictures."),
    "SDF349": Code("unknown colour", "A colour is `#rgb`, `#rrggbb`, `#rrggbbaa` or one of a few names."),
    "SDF351": Code("no origin", "The picture does not say how it was made, so it cannot be run again."),
    "SDF352": Code("damaged origin", "What the picture says about how it was made cannot be read."),
    "SDF353": Code("origin of a newer sdflow", "The picture was made by a newer sdflow than this one."),
    "SDF354": Code("another input", "An input file is not the one that the picture was made from."),
    # 36x: other input files, and pictures together
    "SDF364": Code(
        "outside of the picture", "A crop, a shape or an upper picture has no pixel in the picture."
    ),
    "SDF365": Code(
        "pictures that do not go together", "Pictures and masks of one node differ in size or in number."
    ),
    "SDF367": Code("no such latent", "The file of a latent does not exist, or cannot be read."),
    "SDF368": Code("not a latent", "The file holds something else than a latent that sdflow has written."),
    "SDF369": Code("not an upscaler", "The file holds something else than a network for pictures in colour."),
    "SDF370": Code(
        "scale unknown", "How much larger a network makes pictures is not known, or another number."
    ),
    "SDF371": Code("upscalers need a package", "Upscalers are read by spandrel, which is not installed."),
    "SDF372": Code(
        "an animation cannot be written so",
        "GIF is slow, MP4 takes even sides and does not say how often it is shown.",
    ),
    # 60x: devices
    "SDF601": Code("unknown device", "A device is `auto`, `cpu`, `cuda`, `cuda:1` and so on, or `mps`."),
    "SDF602": Code("no NVIDIA driver", "CUDA was asked for on a machine without a working NVIDIA driver."),
    "SDF603": Code("torch without CUDA", "The installed torch is a build that cannot use a GPU."),
    "SDF604": Code("no such GPU", "The index is not among the GPUs that the driver shows to this process."),
    "SDF605": Code("no Metal", "`mps` is the GPU of Macs with Apple silicon, and this is another machine."),
    "SDF606": Code("torch is missing", "torch is not installed in this environment."),
    "SDF607": Code(
        "unknown profile", "A profile is one of those that come along, or a YAML file of your own."
    ),
    "SDF608": Code(
        "broken profile", "A setting of a profile that does not exist, or a value that it does not take."
    ),
    "SDF609": Code("profile impossible here", "The machine lacks what a setting of the profile needs."),
    # 70x: output files
    "SDF701": Code("cannot write", "The system refused to write an output file: mostly permissions."),
    "SDF702": Code("disk full", "No space was left for an output file. No half-written file stays behind."),
    "SDF703": Code("unknown file name extension", "Pictures are written as .png, .jpg, .jpeg or .webp."),
    "SDF704": Code("picture too large for its format", "JPEG and WebP have a largest width and height."),
    "SDF705": Code(
        "wrong option for a format", "A setting such as quality is out of range for the file format."
    ),
    "SDF706": Code("name in the way", "A folder stands where a file should go, or the other way round."),
    # 72x: the command line
    "SDF722": Code("no such recipe", "sdflow comes with no recipe of this name."),
    "SDF723": Code("file is there already", "Nothing is overwritten without `--force`."),
    "SDF724": Code("nothing to show", "The node has no results that are kept; run it first."),
    "SDF725": Code("bad size or time", "Sizes are written as 5GB or 500MB, times as 30d or 12h."),
    "SDF726": Code("cannot write", "The system refused to write a file that a command was to write."),
    "SDF727": Code("no such node type", "There is no node type of this name; `sdflow nodes` lists them all."),
    "SDF728": Code("cannot watch", "`--watch` needs a file; standard input cannot be read again."),
    "SDF740": Code("no git repository", "Two revisions can only be compared inside a git repository."),
    "SDF741": Code("nothing to compare", "There is no such revision, or neither side has such a recipe."),
    "SDF742": Code("git failed", "git answered with an error, which is passed on."),
    "SDF750": Code(
        "no lock", "`--locked` needs the lock beside the recipe, and it is missing or unreadable."
    ),
    "SDF751": Code("damaged lock", "The file beside the recipe is not what `sdflow lock` writes."),
    "SDF752": Code("other lock format", "A newer sdflow wrote the lock."),
    "SDF753": Code("other bytes than locked", "A model or an input is another file than the lock says."),
    "SDF754": Code("not in the lock", "The lock does not cover a model or an input that the recipe needs."),
    "SDF755": Code(
        "other node version than locked",
        "A newer sdflow computes a node in another way than when it was locked.",
    ),
    "SDF760": Code("no golden", "There is no golden beside the recipe, or it cannot be read."),
    "SDF761": Code("damaged golden", "The file is not what `sdflow golden record` writes."),
    "SDF762": Code("other golden format", "A newer sdflow wrote the golden."),
    "SDF763": Code("golden picture missing", "A picture of a golden is needed, and is not in its folder."),
    "SDF764": Code(
        "golden is there already", "It says something else, and is replaced with `--update` alone."
    ),
    "SDF765": Code(
        "golden by chance", "A seed is drawn anew for each run, so that there is nothing to compare."
    ),
    "SDF766": Code("golden without a recipe", "The recipe that a golden was recorded from is not beside it."),
    # 4xx: diffusion
    "SDF401": Code(
        "unknown sampler", "No sampler has this name. diffusers', A1111's and ComfyUI's names are understood."
    ),
    "SDF402": Code(
        "sampler without equivalent",
        "The sampler exists elsewhere, but diffusers has nothing that is truly it.",
    ),
    "SDF403": Code("unusable scheduler", "The model's own scheduler is not made for Stable Diffusion."),
    "SDF404": Code("impossible number of steps", "The sampler cannot do this number of steps on this model."),
    "SDF405": Code(
        "impossible range of steps", "Where the steps begin or end does not fit the latent or the schedule."
    ),
    "SDF406": Code(
        "another schedule", "A partly denoised latent goes on only in the schedule that it was made in."
    ),
    "SDF407": Code(
        "sampler needs a package", "The sampler computes with a Python package that is not installed."
    ),
    "SDF408": Code("prompt too long", "The prompt has more tokens than the text encoder reads in one piece."),
    "SDF409": Code(
        "conditioning does not fit", "Prompts and latent differ in number, or prompt and negative in length."
    ),
    "SDF410": Code(
        "picture does not fit",
        "Width and height of a picture to encode are multiples of the VAE's factor; it is RGB.",
    ),
    "SDF411": Code(
        "impossible clip-skip", "As many layers of the text encoder as it has, or more, cannot be skipped."
    ),
    "SDF412": Code(
        "unreadable tokenizer", "The tokenizer's folder lacks its vocabulary, or it cannot be read."
    ),
    "SDF413": Code(
        "nothing to draw there", "A step, or a part of the picture, in which no part of the prompt counts."
    ),
    "SDF414": Code(
        "impossible timesteps",
        "The sampler takes none, or they do not fall from high to low within the schedule.",
    ),
    "SDF421": Code(
        "unreadable prompt", "The language of a prompt (`weighting`) does not allow what it says."
    ),
    "SDF422": Code(
        "prompt language needs a package", "`weighting: compel` is read by a package of that name."
    ),
    "SDF423": Code(
        "unknown textual inversion",
        "A prompt calls an embedding that no `load-embedding` has put on the model.",
    ),
    "SDF424": Code(
        "control for another model",
        "A ControlNet or T2I-Adapter was made for UNets of another form or precision.",
    ),
    "SDF425": Code(
        "mode of a ControlNet",
        "Unions of ControlNets have to be told what a picture shows, and no others do.",
    ),
    "SDF426": Code(
        "picture to follow does not fit",
        "The picture that a ControlNet is to follow differs in number, channels or size from what is made.",
    ),
    "SDF446": Code(
        "windows do not go with it",
        "A ControlNet sees the whole picture, and windows show the model parts of it.",
    ),
    "SDF445": Code("video needs a package", "MP4 is written by ffmpeg, through the package imageio-ffmpeg."),
    "SDF435": Code(
        "no such attention layer", "Perturbed-attention guidance names a layer that the UNet does not have."
    ),
    "SDF436": Code(
        "guidance that does not go together",
        "A model that edits pictures has a guidance of its own, which perturbed attention cannot join.",
    ),
    "SDF437": Code(
        "not a model for this start", "A node makes a start for a kind of model, and the model is of another."
    ),
    "SDF438": Code(
        "sampler not for the latent upscaler", "The latent upscaler runs with euler and lms, in all spacings."
    ),
    "SDF430": Code("hint needs a package", "The hint is made with a Python package that is not installed."),
    "SDF431": Code(
        "image prompt does not fit",
        "Pictures were encoded for an IP-Adapter that takes other features of them.",
    ),
    "SDF447": Code(
        "safety checker and its preparation differ",
        "A safety checker sees pictures of one size, and its feature extractor makes another.",
    ),
    "SDF448": Code("picture that cannot be checked", "A safety checker cannot look under an alpha channel."),
    "SDF449": Code(
        "watermark needs a package", "Watermarks are written by a Python package that is not installed."
    ),
    "SDF450": Code("watermark does not fit", "The picture has too few pixels for the bits of the watermark."),
    "SDF451": Code("network for other things", "Poses are drawn of the 17 joints of a body, of people."),
    # 5xx: the store
    "SDF501": Code(
        "no room in the store", "The disk or the quota is full. What was stored before is still there."
    ),
    "SDF502": Code(
        "a result is too large", "The file system, or a limit of the shell, allows no file of this size."
    ),
    "SDF503": Code(
        "the store cannot be written", "The cache folder is read-only, or belongs to somebody else."
    ),
    "SDF504": Code("the store cannot be used", "The cache folder is a file, or the disk does not answer."),
    "SDF505": Code(
        "a stored value is damaged", "Its bytes changed on the disk. It was removed and is computed again."
    ),
    "SDF780": Code("no such recipe", "The file that a node of type `recipe` names is not there."),
    "SDF781": Code(
        "recipe inside itself", "A recipe uses itself, or two use each other, so that there is no end."
    ),
    "SDF782": Code(
        "path is a param", "Which recipe a node stands for is written out: it decides what there is to run."
    ),
    "SDF783": Code(
        "matrix inside",
        "A recipe with a matrix has several results; as a node, its params need one value each.",
    ),
    "SDF784": Code(
        "inside another recipe", "Of a recipe that is a node, its outputs can be used and nothing else."
    ),
    "SDF785": Code("node twice", "A node has the name that a node of a recipe inside gets."),
    "SDF786": Code(
        "too many recipes in recipes",
        "Recipes that use recipes make more nodes, or go deeper, than one run takes.",
    ),
    "SDF787": Code(
        "no file to rewrite", "`sdflow migrate` rewrites recipes in their place, so each has to be a file."
    ),
    "SDF788": Code(
        "cannot be migrated",
        "A step between two versions of the format left something that is no recipe. This is a bug.",
    ),
    # 8xx: what is valid and probably a mistake
    "SDF801": Code(
        "weights read as text", "A prompt is written for another language than the node's `weighting` reads."
    ),
    "SDF802": Code("LoRA tag in a prompt", "A prompt loads nothing; a LoRA is a node of its own."),
    "SDF803": Code(
        "no effect at this guidance",
        "With guidance of 1 or less neither the negative prompt nor image-guidance is used.",
    ),
    "SDF804": Code(
        "unpinned model", "A branch on the hub can hold something else tomorrow; a commit cannot."
    ),
    "SDF805": Code(
        "size far from the model's own",
        "Many more or fewer pixels than a model was trained on make worse pictures.",
    ),
    "SDF806": Code("uneven size", "A side is no multiple of 64, so that the UNet halves it unevenly."),
    "SDF807": Code("unusual number of steps", "Far more or fewer steps than the sampler is used with."),
    "SDF808": Code(
        "much guidance for few steps", "A sampler for few steps burns pictures with so much guidance."
    ),
    "SDF809": Code("repeated words", "The same words stand in a prompt more than once."),
    "SDF810": Code("unused param", "A param that nothing refers to changes nothing."),
    "SDF811": Code("seed drawn anew", "With `seed: random` a recipe makes another picture each time."),
    "SDF812": Code(
        "embedding without its word", "An embedding changes only prompts in which its word stands."
    ),
}
