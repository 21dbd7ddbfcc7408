#!/usr/bin/env python3
"""Compiles every kernel that the program may ask of a GPU for GPUs that are not here, and looks at what came of it.

`variants FOLDER` (variants.c) wrote the variants. For each target each variant must compile and link without a warning
and hold its kernels; none may need more local memory than OpenCL promises nearly everywhere, 32 KiB, and those that
take most of the time may not spill registers. Prints a line for each target and for each failure, writes all figures to
REPORT (Markdown). Exit 0: all held; 1: something did not; 2: bad usage. A compiler that is missing is a failure, but
for CUDA's ptxas, which is no package of Debian: without it that row says so.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

LOCAL_MAX = 32 << 10
HOT = ("gemm", "attention", "winograd", "layernorm", "conv2d", "few", "peak")  # files whose kernels may not spill
CLANG = ["clang-15", "-x", "cl"]
CLANG_GFX11 = ["clang-16", "-x", "cl"]  # Clang 15 gives its work-items half of the registers that they have
ROCM = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode"
LIBCLC = "/usr/lib/clc/"


class Failed(Exception):
    """What a variant did wrong, in a line or more."""


def run(*command):
    """The output of a command that ends well."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{command[0]}: exit {done.returncode}\n{done.stdout.strip()}")
    return done.stdout


def complain(output, ignored=()):
    """Warnings are failures."""
    lines = [line for line in output.splitlines() if "warning:" in line and not any(word in line for word in ignored)]
    if lines:
        raise Failed("\n".join(lines))


def with_libclc(name):
    """Clang says that its own name for the target differs from libclc's; the code is the same."""
    return ["-Wno-linker-warnings", "-Xclang", "-mlink-builtin-bitcode", "-Xclang", LIBCLC + name]


def amd(chip, variant, folder):
    clang, library = CLANG, [f"--rocm-device-lib-path={ROCM}"]
    if chip.startswith("gfx11"):  # ROCm's device libraries of Debian 12 do not know it
        clang, library = CLANG_GFX11, ["-nogpulib"] + with_libclc("amdgcn--amdhsa.bc")
    out = f"{folder}/k.hsaco"
    complain(run(*clang, *variant["std"], "-target", "amdgcn-amd-amdhsa", f"-mcpu={chip}", *library, "-O3",
                 variant["path"], "-o", out))
    kernels = {}
    for part in run("llvm-readelf-15", "--notes", out).split("\n  - .")[1:]:
        value = dict(re.findall(r"^(?:    \.)?(\w+): +(\S+)$", part, re.M))
        kernels[value["name"]] = {
            "registers": int(value["vgpr_count"]), "spills": int(value["vgpr_spill_count"]),
            "scratch": int(value["private_segment_fixed_size"]), "local": int(value["group_segment_fixed_size"])}
        wanted = variant["kernels"].get(value["name"], 1)
        if wanted > int(value["max_flat_workgroup_size"]):
            raise Failed(f"{value['name']}: launched in groups of {wanted}, but compiled for up to "
                         f"{value['max_flat_workgroup_size']}")
    return kernels


PTX = {}  # what Clang made of a variant: the same for every assembler


def to_ptx(variant, folder):
    out = f"{folder}/k.ptx"
    if variant["path"] in PTX:
        with open(out, "w", encoding="utf-8") as file:
            file.write(PTX[variant["path"]])
        return out, PTX[variant["path"]]
    complain(run(*CLANG, *variant["std"], "-target", "nvptx64-nvidia-nvcl", "-Xclang", "-target-cpu", "-Xclang",
                 "sm_75", *with_libclc("nvptx64--nvidiacl.bc"), "-O3", "-S", variant["path"], "-o", out))
    with open(out, encoding="utf-8") as file:
        PTX[variant["path"]] = file.read()
    return out, PTX[variant["path"]]


def ptx(_, variant, folder):
    text = to_ptx(variant, folder)[1]
    entries = re.findall(r"\.entry (\w+)\(", text)
    # A function that is declared, called and nowhere defined; inlining has left no other.
    unknown = re.findall(r"^\.(?:extern )?\.?func\b[^;{]*?(\w+)\s*\([^;{]*\)\s*;", text, re.M)
    if ".extern .func" in text or unknown:
        raise Failed(f"unresolved: {' '.join(sorted(set(unknown))) or re.findall('.extern .func.*', text)}")
    return {name: {} for name in entries}


def ptxas(chip, variant, folder):
    out = run("ptxas", f"-arch={chip}", "-v", to_ptx(variant, folder)[0], "-o", f"{folder}/k.cubin")
    complain(out)
    kernels = {}
    for part in out.split("Compiling entry function '")[1:]:
        frame, stores, loads = map(int, re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+)",
                                                  part).groups())
        local = re.search(r"(\d+) bytes smem", part)
        kernels[part.split("'")[0]] = {
            "registers": int(re.search(r"Used (\d+) registers", part).group(1)), "spills": (stores + loads) // 4,
            "scratch": frame, "local": int(local.group(1)) if local else 0}
    return kernels


def intel(chip, variant, folder):
    out = run("ocloc", "compile", "-file", variant["path"], "-device", chip, "-options", " ".join(variant["std"]),
              "-internal_options", "-cl-intel-allow-zebin", "-out_dir", folder, "-output", "k")
    complain(out, ["spilled around"])
    spills = dict(re.findall(r"kernel (\w+) +compiled SIMD\d+ allocated \d+ regs and spilled around (\d+)", out))
    binary = next(f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(".bin"))
    unknown = re.findall(r"GLOBAL +DEFAULT +UND +(\w+)", run("llvm-readelf-15", "-s", binary))
    if unknown:
        raise Failed(f"unresolved: {' '.join(unknown)}")
    run("llvm-objcopy-15", f"--dump-section=.ze_info={folder}/info", binary, f"{folder}/copy")
    with open(f"{folder}/info", encoding="utf-8") as file:
        info = file.read().split("kernels_misc_info:")[0]
    kernels = {}
    for part in info.split("  - name: ")[1:]:
        name = part.split()[0]

        def value(key, text=part):
            found = re.search(rf"\b{key}: +(\d+)", text)
            return int(found.group(1)) if found else 0
        scratch = sum(int(size) for size in re.findall(r"- type: +scratch\n.*\n +size: +(\d+)", part))
        kernels[name] = {"registers": value("grf_count"), "spills": int(spills.get(name, 0)), "scratch": scratch,
                         "local": value("slm_size")}
    return kernels


def spirv(version, variant, folder):
    bitcode, out = f"{folder}/k.bc", f"{folder}/k.spv"
    complain(run(*CLANG, *variant["std"], "-target", "spir64-unknown-unknown", "-O1", "-Xclang",
                 "-disable-llvm-passes", "-emit-llvm", "-c", variant["path"], "-o", bitcode))
    run("llvm-spirv-15", f"--spirv-max-version={version}", bitcode, "-o", out)
    environment = "opencl1.2" if variant["std"] == ["-cl-std=CL1.2"] else "opencl2.0"
    run("spirv-val", "--target-env", environment, out)
    text = run("spirv-dis", out)
    unknown = [name for name in re.findall(r'LinkageAttributes "(\w+)" Import', text) if "__spirv_" not in name]
    if unknown:
        raise Failed(f"unresolved: {' '.join(unknown)}")
    return {name: {} for name in re.findall(r'OpEntryPoint Kernel %\w+ "(\w+)"', text)}


def lint(standard, variant, _):
    """Clang's warnings; a helper, or an argument, that one variant does not use is another's."""
    options = variant["std"] if variant["std"] != ["-cl-std=CL1.2"] else [f"-cl-std={standard.split()[0]}"]
    if "bare" in standard:  # without any extension, doubles included
        options = options + ["-Xclang", "-cl-ext=-all"]
    complain(run(*CLANG, *options, "-target", "spir64-unknown-unknown", "-fsyntax-only", "-Wall", "-Wextra",
                 "-Wconversion", "-Wdouble-promotion", "-Wno-unused-function", "-Wno-unused-variable",
                 "-Wno-unused-parameter", variant["path"]))
    return {name: {} for name in variant["kernels"]}


TARGETS = {}  # column: (how, its name there, the tools that it takes)
for name in ("gfx906", "gfx90a", "gfx1030"):
    TARGETS[f"AMD {name}"] = (amd, name, ["clang-15", "ld.lld-15", "llvm-readelf-15"])
TARGETS["AMD gfx1100"] = (amd, "gfx1100", ["clang-16", "ld.lld-16", "llvm-readelf-15"])
TARGETS["NVIDIA PTX"] = (ptx, "", ["clang-15"])
for name in ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100"):
    TARGETS[f"NVIDIA {name}"] = (ptxas, name, ["clang-15", "ptxas"])
for name in ("tgllp", "dg2", "pvc"):
    TARGETS[f"Intel {name}"] = (intel, name, ["ocloc", "llvm-readelf-15", "llvm-objcopy-15"])
TARGETS["SPIR-V 1.0"] = (spirv, "1.0", ["clang-15", "llvm-spirv-15", "spirv-val", "spirv-dis"])
for name in ("CL1.2", "CL1.2 bare", "CL2.0", "CL3.0"):
    TARGETS[f"lint {name}"] = (lint, name, ["clang-15"])


# What devices of a target report beside OpenCL 1.2, as far as these compilers go: no sub-groups; the least width of them
# that a kernel may ask for.
WITHOUT_SUBGROUPS = [t for t in TARGETS if t.startswith(("NVIDIA", "SPIR-V"))] + ["AMD gfx1100", "lint CL1.2 bare"]
NARROWEST = {"Intel tgllp": 8, "Intel dg2": 8, "Intel pvc": 16}


def concerns(target, variant):
    """Whether the host may ask a device of the target for the variant."""
    if "-DSUBGROUPS" in variant["macros"] and target in WITHOUT_SUBGROUPS:
        return False
    if target == "Intel pvc" and "-cl-std=CL3.0" in variant["std"]:  # ocloc 22.43 compiles no kernel that way, not one
        return False                                                 # that is empty: its own header asks for images
    width = re.search(r"-DSUB_GROUP=(\d+)", variant["macros"])
    return variant["file"] != "attention" or (int(width[1]) if width else None) == NARROWEST.get(target)


def problems_of(target, variant, kernels):
    for name in variant["kernels"]:
        if name not in kernels:
            yield f"{name}: not in the result"
    for name, k in kernels.items():
        if k.get("local", 0) > LOCAL_MAX:
            yield f"{name}: {k['local']} bytes of local memory"
        if k.get("spills", 0) > 0 and variant["file"] in HOT:
            yield f"{name}: spills {k['spills']} of its registers"


def compile_one(target, variant, cache):
    """{"kernels": {name: figures}, "problems": [text]}, from the cache where all that matters is as it was."""
    how, chip, _ = TARGETS[target]
    if not concerns(target, variant):
        return {"kernels": {}, "problems": [], "left_out": True}
    with open(variant["path"], encoding="utf-8") as file:
        text = file.read()
    key = hashlib.sha256("\0".join([target, str(variant["std"]), str(variant["kernels"]), text, cache["tools"]])
                         .encode()).hexdigest()
    path = f"{cache['folder']}/{key}.json"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        try:
            kernels = how(chip, variant, folder)
            result = {"kernels": kernels, "problems": list(problems_of(target, variant, kernels))}
        except Failed as why:
            result = {"kernels": {}, "problems": [str(why).replace(folder, "").strip()]}
    with open(f"{path}.{os.getpid()}.{id(result)}", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace(file.name, path)
    return result


def tool_versions():
    """This script and the compilers: what results depend on beside the sources."""
    text = open(__file__, encoding="utf-8").read()
    if shutil.which("dpkg-query"):
        text += subprocess.run(["dpkg-query", "-W", "clang-15", "lld-15", "clang-16", "lld-16", "libclc-15", "rocm-device-libs",
                                "intel-opencl-icd", "libigc1", "llvm-spirv-15", "spirv-tools"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    if shutil.which("ptxas"):
        text += run("ptxas", "--version")
    return text


def read_variants(folder):
    with open(f"{folder}/manifest.jsonl", encoding="utf-8") as file:
        variants = [json.loads(line) for line in file]
    for variant in variants:
        variant["path"] = f"{folder}/{variant['source']}"
        words = variant["options"].split()
        variant["std"] = words if any(word.startswith("-cl-std") for word in words) else ["-cl-std=CL1.2"] + words
    return variants


def summary(results):
    """Of one target, in words: "82 variants, 0 failed; registers up to ..."."""
    failed = sum(1 for result in results if result["problems"])
    figures = [k for result in results for k in result["kernels"].values() if k]
    count = sum(1 for result in results if "left_out" not in result)
    text = f"{count} variants, {failed} failed"
    if figures:
        text += (f"; most registers {max(k['registers'] for k in figures)}, spilling kernels "
                 f"{sum(1 for k in figures if k['spills'])}, most local memory {max(k['local'] for k in figures)} bytes")
    return text


def write_report(path, variants, results):
    """A row for each kernel: the worst of its variants on each target that tells."""
    targets = [t for t in results if any(k for r in results[t] for k in r["kernels"].values())]
    rows = {}
    for target in targets:
        for variant, result in zip(variants, results[target]):
            for name, k in result["kernels"].items():
                cell = rows.setdefault(name, {}).setdefault(target, dict(k))
                for key, number in k.items():
                    cell[key] = max(cell[key], number)
    with open(path, "w", encoding="utf-8") as file:
        file.write("Registers of a work-item (of a thread on Intel), + registers spilled, bytes of private memory (p), "
                   "bytes of local memory (l): the most of all variants.\n\n")
        file.write("| kernel | " + " | ".join(targets) + " |\n|" + "---|" * (len(targets) + 1) + "\n")
        for name in sorted(rows):
            cells = []
            for target in targets:
                k = rows[name].get(target)
                cells.append("" if not k else f"{k['registers']}" + (f"+{k['spills']}" if k["spills"] else "") +
                             (f" {k['scratch']}p" if k["scratch"] else "") + (f" {k['local']}l" if k["local"] else ""))
            file.write(f"| {name} | " + " | ".join(cells) + " |\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", help="where variants.c wrote")
    parser.add_argument("--only", metavar="TEXT", help="only targets whose name has TEXT in it")
    parser.add_argument("--cache", metavar="DIR", required=True, help="results are kept and found there")
    parser.add_argument("--report", metavar="FILE", help="a table of all kernels, in Markdown")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time")
    options = parser.parse_args()
    os.makedirs(options.cache, exist_ok=True)
    cache = {"folder": options.cache, "tools": tool_versions()}
    variants = read_variants(options.folder)
    targets = [t for t in TARGETS if not options.only or options.only in t]
    if not variants or not targets:
        sys.exit("compile: no variants, or no such target")
    results, bad = {}, False
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for target in targets:
            missing = [tool for tool in TARGETS[target][2] if not shutil.which(tool)]
            if missing == ["ptxas"]:
                print(f"{target:15} not checked: ptxas of CUDA is not here", flush=True)
                continue
            if missing:
                print(f"{target:15} FAILED  missing: {' '.join(missing)}", flush=True)
                bad = True
                continue
            results[target] = list(pool.map(lambda v, t=target: compile_one(t, v, cache), variants))
            failed = any(result["problems"] for result in results[target])
            bad = bad or failed
            print(f"{target:15} {'FAILED' if failed else 'ok':7} {summary(results[target])}", flush=True)
            bad_ones = [(v, r["problems"]) for v, r in zip(variants, results[target]) if r["problems"]]
            for variant, problems in bad_ones[:5]:
                print(f"  {variant['variant']} ({variant['macros'].strip()}): {problems[0]}")
            if len(bad_ones) > 5:
                print(f"  and {len(bad_ones) - 5} more")
    if options.report:
        write_report(options.report, variants, results)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
