// SPDX-License-Identifier: Apache-2.0
#include "cli/render.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "cli/text.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeast = 8;  // columns that a cut column keeps

}  // namespace

Screen Screen::of(int descriptor) {
  Screen screen;
  const char* term = std::getenv("TERM");
  screen.tty = ::isatty(descriptor) == 1 && (term == nullptr || std::string_view(term) != "dumb");
  if (!screen.tty) return screen;
  const char* refused = std::getenv("NO_COLOR");
  screen.color = refused == nullptr || *refused == '\0';
  screen.width = 80;
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    screen.width = size.ws_col;
    if (size.ws_row > 0) screen.height = std::max<std::size_t>(size.ws_row, 2);
  }
  return screen;
}

std::string styled(std::string_view text, Style style, bool color) {
  if (!color || style == Style::plain) return std::string(text);
  const char* code = style == Style::bold    ? "1"
                     : style == Style::dim   ? "2"
                     : style == Style::red   ? "31"
                     : style == Style::green ? "32"
                                             : "33";
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string labelled(std::size_t indent, std::string_view label, Style style, std::string_view text,
                     const Screen& screen) {
  return std::string(indent, ' ') + styled(label, style, screen.color) +
         wrapped(text, indent + display_width(label), screen.width) + "\n";
}

std::vector<std::size_t> Grid::widths(bool headings) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = headings ? display_width(columns_[i].heading) : 0;
    if (headings && i < subheading_.size()) width = std::max(width, display_width(subheading_[i]));
    for (const auto& row : rows_)
      width = std::max(width, i < row.size() ? display_width(row[i]) : 0);
    widths.push_back(width);
  }
  return widths;
}

std::size_t Grid::natural_width() const {
  const auto each = widths(true);
  return std::accumulate(each.begin(), each.end(), kGap * (each.empty() ? 0 : each.size() - 1));
}

std::string Grid::line(const std::vector<std::string>& cells,
                       const std::vector<std::size_t>& widths) const {
  std::string text;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string cell = fitted(i < cells.size() ? cells[i] : "", widths[i]);
    if (i > 0) text += std::string(kGap, ' ');
    text += columns_[i].align == Align::right ? right(cell, widths[i]) : left(cell, widths[i]);
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string Grid::text(const Screen& screen) const {
  auto each = widths(true);
  std::size_t natural = natural_width();
  if (screen.width > 0) {
    const auto cells = widths(false);
    const auto shrink = [&](std::size_t column, std::size_t least) {
      if (!columns_[column].may_shrink || each[column] <= std::max(least, kLeast)) return;
      const std::size_t cut =
          std::min(natural - screen.width, each[column] - std::max(least, kLeast));
      each[column] -= cut;
      natural -= cut;
    };
    // Headings that are wider than what stands below them give way first, then the widest cells.
    for (std::size_t i = 0; i < each.size() && natural > screen.width; ++i) shrink(i, cells[i]);
    while (natural > screen.width) {
      std::size_t widest = each.size();
      for (std::size_t i = 0; i < each.size(); ++i) {
        if (columns_[i].may_shrink && each[i] > kLeast &&
            (widest == each.size() || each[i] >= each[widest]))
          widest = i;
      }
      if (widest == each.size()) break;
      shrink(widest, each[widest] - 1);
    }
  }
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  std::string text = styled(line(headings, each), Style::bold, screen.color) + "\n";
  if (!subheading_.empty())
    text += styled(line(subheading_, each), Style::dim, screen.color) + "\n";
  for (const auto& row : rows_) text += line(row, each) + "\n";
  return text;
}

std::string csv_field(std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos)
    return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) return;
    if (written < 0)
      throw Error(Fault::internal, std::string("cannot write the output: ") + std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace sluice::cli
