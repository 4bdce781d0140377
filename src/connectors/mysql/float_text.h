// SPDX-License-Identifier: Apache-2.0
// How MySQL and MariaDB write a DOUBLE as text: the fewest digits that read back as the same
// number, with an exponent below 1e-15, and from 1e15 on where no digit is behind the point
// (compared with the servers in the tests).
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace sluice::mysql {

inline void put_float(std::string& to, double value) {
  std::array<char, 32> text{};
  const char* end = std::to_chars(text.data(), text.data() + text.size(), std::fabs(value),
                                  std::chars_format::scientific)
                        .ptr;
  const char* mark = std::find(static_cast<const char*>(text.data()), end, 'e');
  int exponent = 0;  // of the first digit
  std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, exponent);
  std::string digits;
  std::copy_if(static_cast<const char*>(text.data()), mark, std::back_inserter(digits),
               [](char c) { return c != '.'; });
  if (digits == "0") {
    to += '0';
    return;
  }
  if (value < 0) to += '-';
  const int point = exponent + 1;
  const auto size = static_cast<int>(digits.size());
  if (point < -14 || (point > 15 && point >= size)) {
    to += digits[0];
    if (size > 1) to.append(".").append(digits, 1);
    to += "e" + std::to_string(exponent);
  } else if (point <= 0) {
    to.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else if (point >= size) {
    to.append(digits).append(static_cast<std::size_t>(point - size), '0');
  } else {
    to.append(digits, 0, static_cast<std::size_t>(point)).append(".");
    to.append(digits, static_cast<std::size_t>(point));
  }
}

}  // namespace sluice::mysql
