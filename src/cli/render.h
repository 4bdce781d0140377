// SPDX-License-Identifier: Apache-2.0
// Tables for a terminal or a pipe, and where the output goes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

/// What a stream is: decides colours, redrawing and cutting.
struct Screen {
  bool tty = false;
  bool color = false;     ///< a terminal, and NO_COLOR is not set
  std::size_t width = 0;  ///< columns; 0: not a terminal, nothing is cut
  std::size_t height = 24;
  static Screen of(int descriptor);
};

enum class Style { plain, bold, dim, red, green, yellow };
std::string styled(std::string_view text, Style style, bool color);

/// A line, with its end, of a label and a text, behind `indent` spaces. The label holds the spaces
/// between the two; a text that is too long for the screen is broken between words.
std::string labelled(std::size_t indent, std::string_view label, Style style, std::string_view text,
                     const Screen& screen);

enum class Align { left, right };

/// Columns under headings. Where the screen is narrower, those that may give way are cut: headings
/// before cells, the widest before others.
class Grid {
 public:
  struct Column {
    std::string heading;
    Align align = Align::left;
    bool may_shrink = false;
  };
  explicit Grid(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// A second line of headings, such as types.
  void subheading(std::vector<std::string> cells) { subheading_ = std::move(cells); }
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::size_t natural_width() const;
  /// Lines with their ends.
  std::string text(const Screen& screen) const;

 private:
  /// Of the cells, and of the headings above them if wanted.
  std::vector<std::size_t> widths(bool headings) const;
  std::string line(const std::vector<std::string>& cells,
                   const std::vector<std::size_t>& widths) const;
  std::vector<Column> columns_;
  std::vector<std::string> subheading_;
  std::vector<std::vector<std::string>> rows_;
};

/// One CSV field; NULL is empty, the empty string is "".
std::string csv_field(std::string_view text);

/// Writes to standard output; throws Fault::internal when it cannot (a full disk), ends quietly on
/// a closed pipe.
void print(std::string_view text);

}  // namespace sluice::cli
