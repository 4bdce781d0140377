// SPDX-License-Identifier: Apache-2.0
// The connector as a program of its own.
#include "sluice/module.h"

int main(int argc, char** argv) { return sluice::sdk::run(argc, argv); }
