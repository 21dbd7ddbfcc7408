#include "measure/candidates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cl/gemm.cl: tiles from 16 x 16 to 128 x 128 for groups that hide latency; then few work-items with much in registers,
 * as CPUs like them. */
static const char *const tile_sets[] = {"WX=8 WY=8 TM=4 TN=4",
                                        "WX=16 WY=16 TM=4 TN=4",
                                        "WX=8 WY=8 TM=8 TN=8",
                                        "WX=16 WY=8 TM=8 TN=4",
                                        "WX=16 WY=16 TM=8 TN=8",
                                        "WX=8 WY=8 TM=2 TN=2",
                                        "WX=16 WY=8 TM=4 TN=2",
                                        "WX=4 WY=8 TM=4 TN=4",
                                        "WX=1 WY=1 TM=8 TN=16",
                                        "WX=1 WY=1 TM=4 TN=32",
                                        "WX=1 WY=1 TM=4 TN=64",
                                        "WX=1 WY=4 TM=4 TN=32",
                                        "WX=1 WY=8 TM=4 TN=16",
                                        "WX=16 WY=1 TM=8 TN=4",
                                        "WX=16 WY=4 TM=4 TN=4",
                                        "WX=1 WY=16 TM=4 TN=32",
                                        NULL};
static const char *const tile_steps[] = {"DEPTH=8", "DEPTH=32", "DEPTH=64", "LOADS=1", "PAD=0",
                                         "PAD=2",   "PAD=4",    "VEC=2",    "VEC=4",   NULL};

/* cl/cpu/gemm.cl: what 32 or 16 registers hold. */
static const char *const panel_sets[] = {"NV=4 MR=6",  "NV=3 MR=8", "NV=2 MR=12", "NV=2 MR=8", "NV=2 MR=6",
                                         "NV=1 MR=12", "NV=4 MR=4", "NV=2 MR=4",  "NV=1 MR=8", NULL};
static const char *const panel_steps[] = {"VW=8",       "DEPTH=128",  "DEPTH=256",  "DEPTH=1024",
                                          "ROW_RUN=24", "ROW_RUN=48", "ROW_RUN=96", "ROW_RUN=192",
                                          "PACK=0",     "PACK=1",     NULL};

/* CLBlast's: sets that pass its tuner's own conditions. GEMMK=1 without work-groups is known to compute wrongly on some
 * CPUs. The last two of Xgemm are for CPUs. */
#define XGEMM(rest) "GEMMK=0 KREG=1 KWI=2 STRM=0 STRN=0 " rest
static const char *const xgemm_sets[] = {
    XGEMM("KWG=16 MDIMA=16 MDIMC=16 MWG=64 NDIMB=16 NDIMC=16 NWG=64 SA=1 SB=1 VWM=4 VWN=4"),
    XGEMM("KWG=16 MDIMA=16 MDIMC=16 MWG=128 NDIMB=16 NDIMC=16 NWG=128 SA=1 SB=1 VWM=4 VWN=4"),
    XGEMM("KWG=16 MDIMA=8 MDIMC=8 MWG=64 NDIMB=8 NDIMC=8 NWG=64 SA=1 SB=1 VWM=4 VWN=4"),
    XGEMM("KWG=32 MDIMA=8 MDIMC=8 MWG=64 NDIMB=8 NDIMC=8 NWG=64 SA=0 SB=0 VWM=4 VWN=4"),
    XGEMM("KWG=32 MDIMA=16 MDIMC=16 MWG=64 NDIMB=16 NDIMC=8 NWG=64 SA=1 SB=1 VWM=2 VWN=4"),
    XGEMM("KWG=32 MDIMA=8 MDIMC=8 MWG=32 NDIMB=8 NDIMC=8 NWG=64 SA=1 SB=1 VWM=4 VWN=4"),
    XGEMM("KWG=16 MDIMA=8 MDIMC=8 MWG=64 NDIMB=16 NDIMC=16 NWG=64 SA=1 SB=1 STRM=1 VWM=4 VWN=2"),
    XGEMM("KWG=1 MDIMA=8 MDIMC=8 MWG=64 NDIMB=8 NDIMC=8 NWG=64 SA=0 SB=0 VWM=4 VWN=4 GEMMK=1 KREG=4 KWI=1"),
    XGEMM("KWG=32 MDIMA=1 MDIMC=1 MWG=64 NDIMB=1 NDIMC=1 NWG=6 SA=0 SB=0 VWM=16 VWN=2"),
    XGEMM("KWG=32 MDIMA=1 MDIMC=1 MWG=24 NDIMB=1 NDIMC=1 NWG=8 SA=0 SB=0 VWM=8 VWN=8"),
    NULL};
static const char *const direct_sets[] = {
    "KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=1 VWND=1 WGD=8",
    "KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=1 VWND=1 WGD=16",
    "KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=32",
    "KWID=2 MDIMAD=8 MDIMCD=16 NDIMBD=8 NDIMCD=16 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=32",
    "KWID=2 MDIMAD=16 MDIMCD=16 NDIMBD=16 NDIMCD=16 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=64",
    NULL};
static const char *const routine_sets[] = {"XGEMM_MIN_INDIRECT_SIZE=1", "XGEMM_MIN_INDIRECT_SIZE=64",
                                           "XGEMM_MIN_INDIRECT_SIZE=256", "XGEMM_MIN_INDIRECT_SIZE=1024", NULL};
static const char *const no_steps[] = {NULL};

/* cl/cpu/attention.cl, cl/cpu/winograd.cl, and kernels of cl/ whose groups work together. */
static const char *const block_sets[] = {"NV=1", "NV=2", "NV=3", "NV=4", "NV=5", NULL};
static const char *const block_steps[] = {"KB=65", "KB=130", "KB=260", "KB=40", "KB=72", "KB=144", NULL};
static const char *const winograd_sets[] = {"BLOCK=6", "BLOCK=12", "BLOCK=24", "BLOCK=48", "BLOCK=96", NULL};
static const char *const group_sets[] = {"WG=16", "WG=32", "WG=128", "WG=256", NULL};
static const char *const attention_steps[] = {"COLUMNS=8", "COLUMNS=32", "AT_ONCE=1", "AT_ONCE=2", "AT_ONCE=8",
                                              "TILE=16",   "TILE=32",    "TILE=128",  NULL};

static const csa_candidates all[] = {
    {"gemm_tile", tile_sets, tile_steps},
    {"gemm_panels", panel_sets, panel_steps},
    {"cpu/attention_forward", block_sets, block_steps},
    {"cpu/attention_backward", block_sets, block_steps},
    {"cpu/winograd_forward", winograd_sets, no_steps},
    {"layernorm_forward", group_sets, no_steps},
    {"layernorm_backward", group_sets, no_steps},
    {"attention_forward", group_sets, attention_steps},
    {"attention_query_backward", group_sets, attention_steps},
    {"attention_key_backward", group_sets, attention_steps},
    {"Xgemm", xgemm_sets, no_steps},
    {"XgemmDirect", direct_sets, no_steps},
    {"GemmRoutine", routine_sets, no_steps},
};

const csa_candidates *csa_candidates_of(const char *kernel) {
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (strcmp(all[i].kernel, kernel) == 0) return &all[i];
  return NULL;
}

csa_tuning_entry csa_candidate(const csa_tuning_entry *base, const char *text) {
  csa_tuning_entry entry = *base;
  char name[24];
  int value, length;
  while (sscanf(text, " %23[A-Z_]=%d%n", name, &value, &length) == 2) {
    csa_tuning_set(&entry, name, value);
    text += length;
  }
  return entry;
}
