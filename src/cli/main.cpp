// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"
#include "cli/start.h"

int main(int argc, char** argv) { return sluice::cli::start(argc, argv, sluice::cli::run); }
