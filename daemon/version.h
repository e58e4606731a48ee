/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_VERSION_H
#define IAGMETER_VERSION_H

#define IAGMETER_VERSION "0.1.0"

#endif
