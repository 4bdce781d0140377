// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_script.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <stdexcept>

namespace sluice::testing::dolphin {
namespace {

struct Token {
  enum Kind { literal, name, op, end_of_statement, end };
  Kind kind = end;
  std::string text;
  Value value;
  bool quoted = false;  ///< _"name"
};

[[noreturn]] void refuse_token(const std::string& token) {
  throw std::runtime_error("Syntax Error: [line #1] Cannot recognize the token " + token);
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> tokens() {
    while (at_ < text_.size()) next();
    put(Token::end, "");
    return std::move(tokens_);
  }

 private:
  void put(Token::Kind kind, std::string text) {
    Token token;
    token.kind = kind;
    token.text = std::move(text);
    tokens_.push_back(std::move(token));
  }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void next() {
    const char c = peek();
    if (c == '/' && peek(1) == '/') {
      while (at_ < text_.size() && peek() != '\n') ++at_;
    } else if (c == '\n' || c == ';') {
      ++at_;
      if (c == ';' || depth_ == 0) put(Token::end_of_statement, std::string(1, c));
    } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at_;
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      put(Token::literal, "");
      tokens_.back().value = parse_literal(text_, at_);
    } else if (c == '"' || c == '\'') {
      put(Token::literal, "");
      tokens_.back().value = make_text(string());
    } else if (c == '_' && peek(1) == '"') {
      ++at_;
      put(Token::name, string());
      tokens_.back().quoted = true;
    } else if (c == '`') {
      const std::size_t from = ++at_;
      while (is_word(peek())) ++at_;
      put(Token::literal, "");
      tokens_.back().value = make_text(text_.substr(from, at_ - from));
    } else if (is_word(c)) {
      const std::size_t from = at_;
      while (is_word(peek())) ++at_;
      put(Token::name, std::string(text_.substr(from, at_ - from)));
    } else {
      operation();
    }
  }

  std::string string() {
    const char quote = text_[at_++];
    std::string out;
    for (; peek() != quote; ++at_) {
      if (at_ >= text_.size()) refuse_token(std::string(1, quote));
      if (peek() == '\\') {
        ++at_;
        const char c = peek();
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      } else {
        out += peek();
      }
    }
    ++at_;
    return out;
  }

  void operation() {
    static const std::array<const char*, 7> kTwo = {"==", "!=", "<>", "<=", ">=", "&&", "||"};
    static const std::set<char> kOne = {'=', '<', '>', '+', '-', '*', '/',
                                        '%', '!', '(', ')', '[', ']', ','};
    const std::string two(text_.substr(at_, 2));
    if (std::find(kTwo.begin(), kTwo.end(), two) != kTwo.end()) {
      at_ += 2;
      put(Token::op, two);
      return;
    }
    const char c = peek();
    if (kOne.count(c) == 0) refuse_token(std::string(1, c));
    if (c == '(' || c == '[') ++depth_;
    if (c == ')' || c == ']') --depth_;
    ++at_;
    put(Token::op, std::string(1, c));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::vector<Token> tokens_;
};

const std::set<std::string> kClauses = {"select", "exec",  "from", "where", "group", "order",
                                        "by",     "limit", "top",  "asc",   "desc",  "as",
                                        "and",    "or",    "not",  "in"};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  std::vector<Node> statements() {
    std::vector<Node> out;
    while (peek().kind != Token::end) {
      if (peek().kind == Token::end_of_statement) {
        ++at_;
        continue;
      }
      out.push_back(statement());
      if (peek().kind != Token::end_of_statement && peek().kind != Token::end)
        refuse_token(peek().text);
    }
    return out;
  }

 private:
  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  bool is_op(const std::string& text) const {
    return peek().kind == Token::op && peek().text == text;
  }
  /// A clause may begin a line of its own.
  bool is_word_ahead(const std::string& text) {
    std::size_t ahead = 0;
    while (peek(ahead).kind == Token::end_of_statement && peek(ahead).text == "\n") ++ahead;
    if (peek(ahead).kind != Token::name || peek(ahead).quoted || peek(ahead).text != text)
      return false;
    at_ += ahead;
    return true;
  }
  bool take_op(const std::string& text) {
    if (!is_op(text)) return false;
    ++at_;
    return true;
  }
  bool take_word(const std::string& text) {
    if (!is_word_ahead(text)) return false;
    ++at_;
    return true;
  }
  void expect_op(const std::string& text) {
    if (!take_op(text)) refuse_token(peek().text);
  }

  static Node call(const std::string& function, Node first) {
    Node node;
    node.kind = Node::call;
    node.text = function;
    node.arguments.push_back(std::move(first));
    return node;
  }
  static Node call(const std::string& function, Node first, Node second) {
    Node node = call(function, std::move(first));
    node.arguments.push_back(std::move(second));
    return node;
  }

  Node statement() {
    if (peek().kind == Token::name && peek(1).kind == Token::op && peek(1).text == "=") {
      Node node;
      node.kind = Node::assign;
      node.text = peek().text;
      at_ += 2;
      node.arguments.push_back(expression());
      return node;
    }
    return expression();
  }

  Node expression() { return is_select() ? select() : either(); }
  bool is_select() const {
    return peek().kind == Token::name && !peek().quoted &&
           (peek().text == "select" || peek().text == "exec");
  }

  /// A chain of thousands is one node, not a tree that deep.
  Node either() {
    Node node = both();
    if (!is_word_ahead("or") && !is_op("||")) return node;
    node = call("or", std::move(node));
    while (take_word("or") || take_op("||")) node.arguments.push_back(both());
    return node;
  }
  Node both() {
    Node node = negated();
    if (!is_word_ahead("and") && !is_op("&&")) return node;
    node = call("and", std::move(node));
    while (take_word("and") || take_op("&&")) node.arguments.push_back(negated());
    return node;
  }
  Node negated() {
    if (take_word("not") || take_op("!")) return call("not", negated());
    return comparison();
  }
  Node comparison() {
    Node left = sum();
    while (true) {
      std::string text = peek().kind == Token::op ? peek().text : "";
      if (is_word_ahead("in")) text = "in";
      static const std::set<std::string> kOps = {"==", "=", "!=", "<>", "<", "<=", ">", ">=", "in"};
      if (kOps.count(text) == 0) return left;
      ++at_;
      if (text == "=") text = "==";
      if (text == "<>") text = "!=";
      left = call(text, std::move(left), sum());
    }
  }
  Node sum() {
    Node left = product();
    while (is_op("+") || is_op("-")) {
      const std::string text = tokens_[at_++].text;
      left = call(text, std::move(left), product());
    }
    return left;
  }
  Node product() {
    Node left = unary();
    while (is_op("*") || is_op("/") || is_op("%")) {
      const std::string text = tokens_[at_++].text;
      left = call(text, std::move(left), unary());
    }
    return left;
  }
  Node unary() {
    if (take_op("-")) return call("neg", unary());
    return postfix();
  }
  Node postfix() {
    Node node = primary();
    while (take_op("[")) {
      node = call("[]", std::move(node), expression());
      expect_op("]");
    }
    return node;
  }

  Node primary() {
    Node node;
    const Token token = peek();
    if (take_op("(")) {
      node = expression();
      expect_op(")");
      return node;
    }
    if (take_op("[")) {
      node.kind = Node::list;
      node.arguments = arguments("]");
      return node;
    }
    if (take_op("*")) {
      node.kind = Node::name;
      node.text = "*";
      return node;
    }
    if (token.kind == Token::literal) {
      ++at_;
      node.value = token.value;
      return node;
    }
    if (token.kind != Token::name || (!token.quoted && kClauses.count(token.text) > 0))
      refuse_token(token.text);
    ++at_;
    node.text = token.text;
    if (!token.quoted && take_op("(")) {
      node.kind = Node::call;
      node.arguments = arguments(")");
      return node;
    }
    if (!token.quoted && (token.text == "true" || token.text == "false")) {
      node.value = make(kBool, token.text == "true");
    } else if (!token.quoted && (token.text == "NULL" || token.text == "null")) {
      node.value.kind = 1;
    } else {
      node.kind = Node::name;
    }
    return node;
  }

  std::vector<Node> arguments(const std::string& closing) {
    std::vector<Node> out;
    if (take_op(closing)) return out;
    do {
      out.push_back(expression());
    } while (take_op(","));
    expect_op(closing);
    return out;
  }

  std::vector<Item> items() {
    std::vector<Item> out;
    do {
      Item item;
      item.expression = expression();
      if (take_word("as")) {
        if (peek().kind != Token::name) refuse_token(peek().text);
        item.alias = tokens_[at_++].text;
      }
      out.push_back(std::move(item));
    } while (take_op(","));
    return out;
  }

  Node select() {
    Select query;
    query.exec = tokens_[at_++].text == "exec";
    if (take_word("top")) query.limit.push_back(primary());
    query.items = items();
    if (!take_word("from")) refuse_token(peek().text);
    query.from = postfix();
    if (take_word("where")) {
      do {
        query.where.push_back(expression());
      } while (take_op(","));
    }
    if (take_word("group")) {
      if (!take_word("by")) refuse_token(peek().text);
      query.group = items();
    }
    if (take_word("order")) {
      if (!take_word("by")) refuse_token(peek().text);
      do {
        Node each = expression();
        const bool descending = take_word("desc");
        if (!descending) take_word("asc");
        query.order.emplace_back(std::move(each), descending);
      } while (take_op(","));
    }
    if (take_word("limit")) {
      query.limit = {expression()};
      if (take_op(",")) query.limit.push_back(expression());
    }
    Node node;
    node.kind = Node::select;
    node.query.push_back(std::move(query));
    return node;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Node> parse(std::string_view script) {
  return Parser(Lexer(script).tokens()).statements();
}

}  // namespace sluice::testing::dolphin
